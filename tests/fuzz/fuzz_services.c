/* What the supervisor and its command read of each other, of an earlier supervisor, of the memory log daemon, of
 * containerd's notifications, of shims, and of the kernel's locks. The first byte chooses which. */
#include <stdint.h>

#include "memory_line.h"
#include "notify.h"
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	_cleanup_free_ char *text = n > 0 ? strndup((const char *)data + 1, n - 1) : NULL;
	_cleanup_buf_ struct buf out = { 0 };
	struct request r;
	uint64_t ticks;
	char *path;
	pid_t pid;
	int number;

	if (!text)
		return 0;
	switch (data[0] % 8) {
	case 0:
		request_parse((const char *)data + 1, n - 1, &r, NULL);
		break;
	case 1:
		saved(text, strlen(text));
		break;
	case 2:
		recorded_parse(text, &pid, &ticks);
		break;
	case 3:
		memory_line_parse((const char *)data + 1, n - 1, "a", &out);
		break;
	case 4:
		notify_is_ready((const char *)data + 1, n - 1);
		break;
	case 5:
		if (shim_address_parse((const char *)data + 1, n - 1, &path, &number) == 0)
			free(path);
		break;
	case 6:
		shim_answer_parse(data + 1, n - 1, &number);
		break;
	case 7:
		locks((const char *)data + 1, n - 1);
		break;
	}
	return 0;
}
