/* Lines of sysctl.d files. */
#include "sysctl.h"

#include "str.h"
#include "tap.h"

static const struct {
	const char *line, *path, *value;
	int optional;
} good[] = {
	{ "net.ipv4.ip_forward = 1", "net/ipv4/ip_forward", "1", 0 },
	{ "  kernel.panic=\t-1  ", "kernel/panic", "-1", 0 },
	{ "-net.core.somaxconn=1024", "net/core/somaxconn", "1024", 1 },
	{ "net/ipv4/conf/eth0.1/rp_filter = 0", "net/ipv4/conf/eth0.1/rp_filter", "0", 0 },
	{ "net.ipv4.conf.eth0/1.rp_filter = 0", "net/ipv4/conf/eth0.1/rp_filter", "0", 0 },
	{ "net.ipv4.ip_local_port_range = 1024 65535", "net/ipv4/ip_local_port_range", "1024 65535", 0 },
	{ "kernel.core_pattern=|/bin/x %p=%e", "kernel/core_pattern", "|/bin/x %p=%e", 0 },
	{ "kernel.domainname =", "kernel/domainname", "", 0 },
};

static const char *const nothing[] = { "", "   ", "# a = b", "; a = b", "\t#" };

static const char *const bad[] = {
	"kernel.panic",    "= 1",    "  = 1",   "-=1", "../etc/passwd = 1", "net/../../etc = 1",
	"/etc/passwd = 1", ".a = 1", "a.. = 1",
};

static int parse(const char *line, size_t n, char path[64], char value[32], int *optional)
{
	struct error err = { 0 };
	int r = sysctl_parse(line, n, path, 64, value, 32, optional, &err);

	if (r < 0 && !err.msg)
		r = -2; /* an error that says nothing */
	error_clear(&err);
	return r;
}

int main(void)
{
	char path[64], value[32], line[128];
	int optional;
	size_t i;

	for (i = 0; i < array_len(good); i++) {
		ok(parse(good[i].line, strlen(good[i].line), path, value, &optional) == 1 &&
			   optional == good[i].optional,
		   "a setting: %s", good[i].line);
		ok_str(path, good[i].path, "its path");
		ok_str(value, good[i].value, "its value");
	}
	for (i = 0; i < array_len(nothing); i++)
		ok(parse(nothing[i], strlen(nothing[i]), path, value, &optional) == 0, "nothing: \"%s\"", nothing[i]);
	for (i = 0; i < array_len(bad); i++)
		ok(parse(bad[i], strlen(bad[i]), path, value, &optional) == -1, "refused: %s", bad[i]);
	ok(parse("a\0b = 1", 7, path, value, &optional) == -1, "refused: a NUL in a name");
	ok(parse("a = 1\0", 6, path, value, &optional) == -1, "refused: a NUL in a value");
	memset(line, 'a', sizeof(line));
	line[63] = '=';
	ok(parse(line, 64, path, value, &optional) == 1 && strlen(path) == 63, "the longest name");
	line[63] = 'a';
	line[64] = '=';
	ok(parse(line, 65, path, value, &optional) == -1, "one that is longer");
	line[1] = '=';
	ok(parse(line, 33, path, value, &optional) == 1 && strlen(value) == 31, "the longest value");
	ok(parse(line, 34, path, value, &optional) == -1, "one that is longer");
	return tap_done();
}
