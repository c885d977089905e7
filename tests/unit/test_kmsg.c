/* Records of /dev/kmsg. */
#include <string.h>

#include "cleanup.h"
#include "record.h"
#include "tap.h"

int main(void)
{
	static const struct {
		const char *bytes, *msg;
		uint64_t number, us;
	} good[] = {
		{ "6,339,5140900,-;NET: Registered protocol family 10\n", "NET: Registered protocol family 10", 339,
		  5140900 },
		{ "30,340,5690716,-,caller=T1;udevd[80]: starting\n SUBSYSTEM=x\n", "udevd[80]: starting", 340,
		  5690716 },
		{ "0,0,0;", "", 0, 0 },
		{ "0,18446744073709551615,1,-;a;b", "a;b", UINT64_MAX, 1 },
	};
	static const char *const bad[] = { "",        "6",         "6,1",      "6,1,2",
					   "6,1,2,-", "6,x,2,-;m", ",1,2,-;m", "6,18446744073709551616,2,-;m",
					   "6,1,-;m" };
	struct kmsg_record r;

	for (size_t i = 0; i < array_len(good); i++)
		ok(record_parse(good[i].bytes, strlen(good[i].bytes), &r, NULL) == 0 && r.number == good[i].number &&
			   r.us == good[i].us && r.msg_len == strlen(good[i].msg) &&
			   memcmp(r.msg, good[i].msg, r.msg_len) == 0,
		   "%s", good[i].msg);
	for (size_t i = 0; i < array_len(bad); i++) {
		struct error err = { 0 };

		ok(record_parse(bad[i], strlen(bad[i]), &r, &err) < 0 && err.msg, "refused: \"%s\"", bad[i]);
		error_clear(&err);
	}
	return tap_done();
}
