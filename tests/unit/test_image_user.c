/* The user that an image asks for, as numbers. */
#include "str.h"
#include "tap.h"
#include "user.h"

static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
			     "# no line\n"
			     "daemon:x:2:3:d:/:/x\n"
			     "broken:x:many:4::/:/x\n"
			     "nogid:x:6\n"
			     "1000:x:7:8::/:/x\n"
			     "last:*:4294967294:9::/:/x";
static const char group[] =
	"root:x:0:\ndaemon:x:3:\ntty:x:5:daemon,root\nnear:x:6:daemonx,xdaemon\nmore:x:7:x,daemon\n";

static char *resolve(const char *user, bool files)
{
	struct user_file p = { files ? passwd : NULL, files ? strlen(passwd) : 0 };
	struct user_file g = { files ? group : NULL, files ? strlen(group) : 0 };
	struct error err = { 0 };
	struct image_user u;
	char *out;
	size_t i;

	if (user_resolve(user, p, g, &u, &err) < 0) {
		out = strdup(error_text(&err));
		error_clear(&err);
		return out;
	}
	out = str_format("%u:%u", u.uid, u.gid);
	for (i = 0; i < u.group_count; i++) {
		char *more = str_format("%s,%u", out, u.groups[i]);

		free(out);
		out = more;
	}
	return out;
}

int main(void)
{
	static const struct {
		const char *user;
		bool files;
		const char *want;
	} cases[] = {
		{ "daemon", true, "2:3,5,7" },
		{ "2", true, "2:3,5,7" },
		{ "daemon:tty", true, "2:5" },
		{ "daemon:77", true, "2:77" },
		{ "1234", true, "1234:0" },
		{ "1234:5678", false, "1234:5678" },
		{ "1000", true, "7:8" },
		{ "last", true, "4294967294:9" },
		{ "nogid", true, "6:0" },
		{ "", true, "0:0,5" },
		{ ":3", true, "0:3" },
		{ "daemon:", true, "2:3,5,7" },
		{ "root", true, "0:0,5" },
		{ "root", false, "its etc/passwd has no user \"root\"" },
		{ "broken", true, "its etc/passwd has no user \"broken\"" },
		{ "nobody", true, "its etc/passwd has no user \"nobody\"" },
		{ "daemon:none", true, "its etc/group has no group \"none\"" },
		{ "4294967295", true, "its etc/passwd has no user \"4294967295\"" },
		{ "-1", true, "its etc/passwd has no user \"-1\"" },
	};
	size_t i;

	for (i = 0; i < array_len(cases); i++) {
		_cleanup_free_ char *got = resolve(cases[i].user, cases[i].files);

		ok_str(got, cases[i].want, cases[i].user);
	}
	ok(user_is_root("") && user_is_root("0") && user_is_root("root") && user_is_root("0:5") &&
		   user_is_root("root:x"),
	   "root by name and number");
	ok(!user_is_root("00x") && !user_is_root("rooty") && !user_is_root("1000"), "others");
	return tap_done();
}
