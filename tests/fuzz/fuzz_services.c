/* What the supervisor and its command read of each other, of an earlier supervisor, of the memory log daemon, of
 * containerd's notifications, of shims, and of the kernel's locks. The first byte chooses which. */
#include <stdint.h>
#include <string.h>

#include "logtext.h"
#include "notify.h"
#include "order.h"
#include "recorded.h"
#include "request.h"
#include "rival.h"
#include "saved.h"
#include "shim_wait.h"
#include "str.h"

/* What was read is written and read again: nothing changes on the way. */
static void saved(const char *text, size_t n)
{
	_cleanup_saved_ struct saved one = { 0 }, two = { 0 };
	_cleanup_free_ char *first = NULL, *second = NULL;

	if (saved_parse(text, n, &one, NULL) < 0)
		return;
	first = saved_format(&one);
	if (saved_parse(first, strlen(first), &two, NULL) < 0)
		__builtin_trap();
	second = saved_format(&two);
	if (!str_eq(first, second))
		__builtin_trap();
}

/* Every line moves on, none beyond the end. */
static void locks(const char *text, size_t n)
{
	const char *at = text, *before;
	struct rival_lock l;

	while (at < text + n) {
		before = at;
		if (rival_lock_parse(&at, text + n, &l) && l.pid < 2)
			__builtin_trap();
		if (at <= before || at > text + n)
			__builtin_trap();
	}
}

/* Every piece lies within its file, and no byte is shown twice. */
static void order(const uint8_t *data, size_t n)
{
	const uint64_t size[2][2] = { { 1000, 2000 }, { 3000, 0 } };
	uint64_t shown[2][2] = { 0 };
	struct order_record records[64];
	size_t count = n / sizeof(*records) < array_len(records) ? n / sizeof(*records) : array_len(records);
	struct order_pieces p;

	memcpy(records, data, count * sizeof(*records));
	if (order_pieces_make(&p, records, count, size, true) < 0)
		return;
	for (size_t i = 0; i < p.count; i++) {
		const struct order_piece *at = &p.list[i];

		if (at->from != shown[at->stream][at->age] || at->to <= at->from || at->to > size[at->stream][at->age])
			__builtin_trap();
		shown[at->stream][at->age] = at->to;
	}
	order_pieces_clear(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	_cleanup_free_ char *text = n > 0 ? strndup((const char *)data + 1, n - 1) : NULL;
	struct request r;
	uint64_t ticks = n;
	char stamp[LOGTEXT_TIME];
	char *path;
	pid_t pid;
	struct shim_answer answer = { 0 };
	int number;

	if (!text)
		return 0;
	switch (data[0] % 10) {
	case 0:
		request_parse((const char *)data + 1, n - 1, &r, NULL);
		break;
	case 1:
		saved(text, strlen(text));
		break;
	case 2:
		recorded_parse(text, &pid, &ticks);
		break;
	case 4:
		notify_is_ready((const char *)data + 1, n - 1);
		break;
	case 5:
		if (shim_address_parse((const char *)data + 1, n - 1, &path, &number) == 0)
			free(path);
		break;
	case 6:
		if (shim_response_parse(data + 1, n - 1, &answer) > 0 && answer.status == GRPC_OK)
			shim_exit_code(answer.payload, answer.len);
		shim_answer_clear(&answer);
		break;
	case 8:
		order(data + 1, n - 1);
		break;
	case 9:
		logtext_time_parse(text, 1, &ticks);
		logtext_time_format(stamp, ticks);
		break;
	case 7:
		locks((const char *)data + 1, n - 1);
		break;
	}
	return 0;
}
