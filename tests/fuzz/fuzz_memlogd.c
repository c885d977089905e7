/* memlogd: the bytes of a source, a memory that somebody has damaged, and what goes over the query socket. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "memlog.h"
#include "ring.h"
#include "slot.h"

static const struct store_limits limits = { .lines = 16, .line_len = 20, .bytes = 4096, .sources = 2 };

static void entries_check(const struct store *s)
{
	struct ring_place at = ring_first(s);
	struct memlog_entry e;
	uint64_t missed;

	while (ring_next(s, &at, &e, &missed)) {
		_cleanup_buf_ struct buf out = { 0 };
		_cleanup_memlog_line_ struct memlog_line line = { 0 };

		if (missed || e.msg_len > limits.line_len || memlog_json_add(&out, &e) < 0 ||
		    memchr(buf_bytes(&out), '\n', out.len - 1))
			abort();
		/* What is damaged may hold a NUL, which is refused. */
		memlog_line_parse(buf_text(&out), out.len - 1, &line, NULL);
	}
}

/* The mapping is left to the end of the program in memlogd, and taken away here. */
static void store_unmap(struct store *s)
{
	size_t size = (size_t)(s->slots - (uint8_t *)s->head) + limits.sources * slot_size(&limits);

	munmap(s->head, size);
}

static void source_run(struct store *s, const uint8_t *data, size_t n)
{
	int slot = slot_take(s, (const char *)data, n < 30 ? n : 30, 1, 1, true);

	while (slot >= 0 && n > 0) {
		size_t room, part = data[0] % 32 + 1;
		uint8_t *to = slot_room(s, (uint32_t)slot, &room);

		if (room == 0)
			abort();
		part = part < room ? part : room;
		part = part < n ? part : n;
		memcpy(to, data, part);
		slot_filled_add(s, (uint32_t)slot, part);
		data += part;
		n -= part;
	}
	if (slot >= 0)
		slot_end(s, (uint32_t)slot);
	entries_check(s);
}

static void memory_run(const uint8_t *data, size_t n, bool damage)
{
	int fd = store_memory(NULL), fresh;
	struct store s;

	if (fd < 0 || store_open(&s, fd, &limits, &fresh, NULL) < 0)
		abort();
	if (damage) {
		/* 3 bytes each: where, of the head, the table or the ring, and what */
		for (; n >= 3; data += 3, n -= 3)
			((uint8_t *)s.head)[(data[0] << 8 | data[1]) % 12288] ^= data[2];
		store_unmap(&s);
		if (store_open(&s, fd, &limits, &fresh, NULL) < 0)
			abort();
		entries_check(&s);
	} else {
		source_run(&s, data, n);
		store_unmap(&s);
		if (store_open(&s, fd, &limits, &fresh, NULL) < 0 || fresh)
			abort();
		entries_check(&s);
	}
	store_unmap(&s);
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct memlog_line line;
	struct error err = { 0 };
	enum memlog_query mode;
	uint64_t next;

	if (n == 0)
		return 0;
	switch (data[0] % 4) {
	case 0:
		memory_run(data + 1, n - 1, false);
		break;
	case 1:
		memory_run(data + 1, n - 1, true);
		break;
	case 2:
		if (memlog_line_parse((const char *)data + 1, n - 1, &line, &err) < 0 && !err.msg)
			abort();
		memlog_line_clear(&line);
		error_clear(&err);
		break;
	case 3:
		if (memlog_ask_parse(data + 1, n - 1, &mode, &next) > n - 1)
			abort();
		break;
	}
	return 0;
}
