/* What memlogd keeps, and how it says it. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "memlog.h"
#include "ring.h"
#include "slot.h"
#include "str.h"
#include "tap.h"

static const struct store_limits small = { .lines = 4, .line_len = 10, .bytes = 4096, .sources = 3 };

static struct store store_new(const struct store_limits *limits, int *fd)
{
	struct store s = { 0 };
	int fresh = 0;

	*fd = store_memory(NULL);
	ok(store_open(&s, *fd, limits, &fresh, NULL) == 0 && fresh == 1, "a new store");
	return s;
}

static void slot_feed(struct store *s, int slot, const char *text)
{
	size_t n = strlen(text);

	while (n > 0) {
		size_t room, part;
		uint8_t *to = slot_room(s, (uint32_t)slot, &room);

		part = n < room ? n : room;
		memcpy(to, text, part);
		slot_filled_add(s, (uint32_t)slot, part);
		text += part;
		n -= part;
	}
}

/* All messages from `place` on, "|" behind each; "+N" where N are missing. */
static char *ring_text(const struct store *s, struct ring_place place)
{
	struct buf out = { 0 };
	struct memlog_entry e;
	uint64_t missed;
	int more;

	do {
		more = ring_next(s, &place, &e, &missed);
		if (missed)
			buf_addf(&out, "+%d", (int)missed);
		if (more)
			buf_addf(&out, "%.*s|", (int)e.msg_len, e.msg);
	} while (more);
	buf_add(&out, "", 0);
	return buf_steal_text(&out);
}

static void ring_is(const struct store *s, struct ring_place place, const char *want, const char *what)
{
	_cleanup_free_ char *text = ring_text(s, place);

	ok_str(text ? text : "", want, what);
}

static void test_lines(void)
{
	int fd, slot;
	struct store s = store_new(&small, &fd);
	struct ring_place begin = ring_first(&s);

	slot = slot_take(&s, "a\n\x7f", 3, 1, 2, true);
	ok(slot == 0 && slot_at(&s, 0)->name_len == 3 && memcmp(slot_at(&s, 0)->name, "a??", 3) == 0,
	   "control characters of a name are masked");
	slot_feed(&s, slot, "one\ntw");
	ring_is(&s, begin, "one|", "a whole line");
	slot_feed(&s, slot, "o\r\n\n");
	ring_is(&s, begin, "one|two||", "in pieces, with a carriage return, an empty one");
	slot_feed(&s, slot, "0123456789\n01234567890\n0123456789abcdefghijklmnopqrstuvwxyz0123456789\nx\n");
	ring_is(&s, begin,
		"+3"
		"0123456789|0123456789|0123456789|x|",
		"the longest, longer ones, and four lines at most");
	slot_feed(&s, slot, "rest");
	slot_end(&s, (uint32_t)slot);
	ring_is(&s, ring_first(&s), "0123456789|0123456789|x|rest|", "what is left at the end");
	ring_is(&s, ring_find(&s, 5), "0123456789|x|rest|", "from an entry on");
	ring_is(&s, ring_find(&s, 0), "0123456789|0123456789|x|rest|", "from one that is gone on");
	ring_is(&s, ring_find(&s, 99), "0123456789|0123456789|x|rest|", "from one that never was on");
	ring_is(&s, ring_last(&s), "", "from the end on");
	ok(slot_take(&s, "b", 1, 1, 2, true) == 0 && slot_take(&s, "c", 1, 1, 3, true) == 1 &&
		   slot_take(&s, "d", 1, 1, 4, true) == 2 && slot_take(&s, "e", 1, 1, 5, true) == -1,
	   "slots are taken again, and end");
	close(fd);
}

static void test_bytes(void)
{
	const struct store_limits many = { .lines = 1000000, .line_len = 1000, .bytes = 4096, .sources = 1 };
	int fd, slot;
	struct store s = store_new(&many, &fd);
	char line[64];
	struct memlog_entry e;
	struct ring_place at;
	uint64_t missed, last = 0, count = 0;
	bool good = true;

	slot = slot_take(&s, "n", 1, 1, 1, true);
	for (int i = 0; i < 5000; i++) {
		snprintf(line, sizeof(line), "%d %.*s\n", i, i % 40, "........................................");
		slot_feed(&s, slot, line);
		good = good && s.head->end - s.head->start <= s.head->ring_size;
	}
	for (at = ring_first(&s); ring_next(&s, &at, &e, &missed); count++) {
		good = good && e.number == (uint64_t)atoi(e.msg) && (count == 0 || e.number == last + 1);
		last = e.number;
	}
	ok(good && last == 4999 && count > 30 && count < 200, "bounded in bytes: the last %d lines", (int)count);
	close(fd);
}

/* Another process's view of the same memory. */
static int store_again(struct store *s, int fd, const struct store_limits *limits)
{
	int fresh = 0;

	return store_open(s, fd, limits, &fresh, NULL) < 0 ? -1 : fresh;
}

static void test_killed(void)
{
	int fd, slot;
	struct store s = store_new(&small, &fd), next;
	struct memlog_entry e = { .source = "x", .source_len = 1, .msg = "half", .msg_len = 4 };
	struct store_limits other = small;
	size_t room;
	uint64_t before;

	slot = slot_take(&s, "n", 1, 1, 1, true);
	slot_feed(&s, slot, "one\nbegun");
	memcpy(slot_room(&s, (uint32_t)slot, &room), " and\nmore", 9);
	ok(store_again(&next, fd, &small) == 0, "killed after read(2), before it was counted");
	ring_is(&next, ring_first(&next), "one|begun and|", "nothing is lost");
	slot_feed(&next, slot, "\n");
	ring_is(&next, ring_first(&next), "one|begun and|more|", "and the rest is there");

	before = slot_at(&s, 0)->state;
	ring_append(&s, &e, slot, before);
	s.head->intent = (struct store_intent){ .end = s.head->end, .state = 0, .slot = 0 };
	memset(slot_at(&s, 0)->bytes, 0, 16);
	ok(store_again(&next, fd, &small) == 0 && slot_at(&next, 0)->state == 0 && next.head->intent.end == 0,
	   "killed when the entry was there: the slot follows");
	s.head->intent = (struct store_intent){ .end = s.head->end + 64, .state = 77, .slot = 0 };
	ok(store_again(&next, fd, &small) == 0 && slot_at(&next, 0)->state == 0, "killed before: it does not");
	ok(next.head->next == 4, "the numbers go on");

	other.lines = 5;
	ok(store_again(&next, fd, &other) == 1, "other limits begin anew");
	ring_is(&next, ring_first(&next), "", "with nothing");
	next.head->end = 4000;
	ok(store_again(&s, fd, &other) == 1 && s.head->end == 0, "so does a broken ring");
	close(fd);
}

static void test_format(void)
{
	static const struct {
		struct timespec time;
		const char *want;
	} times[] = {
		{ { 0, 0 }, "1970-01-01T00:00:00Z" },
		{ { 1769860800, 500000000 }, "2026-01-31T12:00:00.5Z" },
		{ { 1769860800, 1 }, "2026-01-31T12:00:00.000000001Z" },
		{ { 1769860800, 123456780 }, "2026-01-31T12:00:00.12345678Z" },
		{ { INT64_MAX, 0 }, "1970-01-01T00:00:00Z" },
	};
	const struct memlog_entry e = {
		.source = "a;b", .source_len = 3, .msg = "\"x\"\xff\n", .msg_len = 5, .number = 41
	};
	_cleanup_buf_ struct buf out = { 0 };
	_cleanup_memlog_line_ struct memlog_line line;
	char text[MEMLOG_TIME];

	for (size_t i = 0; i < array_len(times); i++) {
		memlog_time_format(text, &times[i].time);
		ok_str(text, times[i].want, "a time");
	}
	ok(memlog_json_add(&out, &e) == 0, "an entry as JSON");
	ok_str(buf_text(&out),
	       "{\"time\":\"1970-01-01T00:00:00Z\",\"source\":\"a;b\",\"msg\":\"\\\"x\\\"\xef\xbf\xbd\\n\",\"seq\":41}"
	       "\n",
	       "is one line");
	ok(memlog_line_parse(buf_text(&out), out.len - 1, &line, NULL) == 0 && line.next == 42, "and read again");
	ok_str(line.source, "a;b", "its source");
	ok_str(line.msg, "\"x\"\xef\xbf\xbd\n", "its message");
	buf_clear(&out);
	ok(memlog_text_add(&out, &e) == 0, "as text");
	ok_str(buf_text(&out), "1970-01-01T00:00:00Z;a\\;b;\"x\"\xff\n\n", "with the source's semicolon escaped");
}

static void test_parse(void)
{
	static const char *const bad[] = {
		"",
		"[]",
		"{\"source\":\"redis\",\"msg\":\"x\"}",
		"{\"time\":\"t\",\"source\":1,\"msg\":\"x\"}",
		"{\"time\":\"t\",\"source\":\"s\",\"msg\":\"cut",
		"{\"time\":\"t\",\"source\":\"s\",\"msg\":\"\\u0000\"}",
	};
	static const char linuxkit[] = "{\"time\":\"2026-01-01T00:00:00Z\",\"source\":\"s\",\"msg\":\"m\"}";
	struct memlog_line line;
	uint8_t ask[MEMLOG_ASK];
	enum memlog_query mode;
	uint64_t next;

	for (size_t i = 0; i < array_len(bad); i++) {
		struct error err = { 0 };

		ok(memlog_line_parse(bad[i], strlen(bad[i]), &line, &err) < 0 && err.msg, "refused: %s", bad[i]);
		error_clear(&err);
	}
	ok(memlog_line_parse(linuxkit, strlen(linuxkit), &line, NULL) == 0 && line.next == 0,
	   "LinuxKit's have no number");
	memlog_line_clear(&line);
	ok(memlog_ask(ask, MEMLOG_BOTH, 0) == 1 && memlog_ask_parse(ask, 1, &mode, &next) == 1 && mode == MEMLOG_BOTH,
	   "a question");
	ok(memlog_ask(ask, MEMLOG_BOTH, 0x1234567890) == MEMLOG_ASK && memlog_ask_parse(ask, 8, &mode, &next) == 0 &&
		   memlog_ask_parse(ask, 9, &mode, &next) == 9 && mode == MEMLOG_FROM && next == 0x1234567890,
	   "from an entry on");
	ask[0] = 77;
	ok(memlog_ask_parse(ask, 1, &mode, &next) == 1 && mode == MEMLOG_DUMP, "an unknown one");
}

int main(void)
{
	test_lines();
	test_bytes();
	test_killed();
	test_format();
	test_parse();
	return tap_done();
}
