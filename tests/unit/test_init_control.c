/* init/control: requests to PID 1. */
#include "control.h"
#include "tap.h"

#include <stdlib.h>

#define MESSAGE(s) s, sizeof(s) /* with the NUL that ends the literal */

static void test_refused(void)
{
	static const struct {
		const char *message;
		size_t size;
		const char *want;
	} rows[] = {
		{ "", 0, "malformed message" },
		{ "list", 4, "malformed message" },
		{ MESSAGE("list\0x"), "list takes no argument" },
		{ MESSAGE(""), "no name" },
		{ MESSAGE("stop"), "no name" },
		{ MESSAGE("stop\0"), "no name" },
		{ MESSAGE("stop\0a\0b"), "stop takes one argument" },
		{ MESSAGE("stop\0a/b"), "name has other characters than letters, digits, '.', '_' and '-'" },
		{ MESSAGE("stop\0aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), "name too long" },
		{ MESSAGE("start\0a"), "unknown request" },
		{ MESSAGE("respawn\0a"), "bad grace period" },
		{ MESSAGE("respawn\0a\0-1\0/x"), "bad grace period" },
		{ MESSAGE("respawn\0a\0"
			  "100000\0/x"),
		  "bad grace period" },
		{ MESSAGE("respawn\0a\0"
			  "5"),
		  "the program's path must be absolute" },
		{ MESSAGE("respawn\0a\0"
			  "5\0x"),
		  "the program's path must be absolute" },
		{ MESSAGE("respawn\0a\0"
			  "5\0/x\0"
			  "2\0"
			  "3\0"
			  "4\0"
			  "5\0"
			  "6\0"
			  "7\0"
			  "8\0"
			  "9\0"
			  "10\0"
			  "11\0"
			  "12\0"
			  "13\0"
			  "14\0"
			  "15\0"
			  "16"),
		  "too many arguments" },
	};
	struct control_request r;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		/* its own memory, so that a sanitizer sees a read behind the end */
		char *copy = malloc(rows[i].size ? rows[i].size : 1);

		memcpy(copy, rows[i].message, rows[i].size);
		ok_str(control_parse(copy, rows[i].size, &r), rows[i].want, "refused with its reason");
		free(copy);
	}
}

static void test_too_long(void)
{
	static char message[INITCTL_MESSAGE + 1];
	struct control_request r;

	memcpy(message, "stop", 5);
	memset(message + 5, 'a', sizeof(message) - 6);
	ok_str(control_parse(message, sizeof(message), &r), "malformed message", "longer than a message may be");
}

int main(void)
{
	struct control_request r;

	test_refused();
	test_too_long();
	ok(!control_parse(MESSAGE("list"), &r) && r.verb == CONTROL_LIST, "list");
	ok(!control_parse(MESSAGE("stop\0a-b_c.d"), &r) && r.verb == CONTROL_STOP, "stop");
	ok_str(r.name, "a-b_c.d", "its name");
	ok(!control_parse(MESSAGE("respawn\0hotplug\0"
				  "10\0/bin/rc.hotplug\0-x\0"),
			  &r) &&
		   r.verb == CONTROL_RESPAWN,
	   "respawn");
	ok_str(r.name, "hotplug", "its name");
	ok(r.grace == 10, "its grace period");
	ok_str(r.argv[0], "/bin/rc.hotplug", "its program");
	ok_str(r.argv[1], "-x", "an argument");
	ok_str(r.argv[2], "", "an empty argument is one, too");
	ok_str(r.argv[3], NULL, "nothing behind the last");
	return tap_done();
}
