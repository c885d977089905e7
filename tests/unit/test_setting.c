/* Lines of sysctl.d and sysfs.d files, and whole folders of them. */
#include "setting.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io.h"
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

/* Names of sysfs are paths: dots are theirs, and a colon, as devices have it, is nothing special. */
static const struct {
	const char *line, *path, *value;
} paths[] = {
	{ "kernel/mm/ksm/run = 1", "kernel/mm/ksm/run", "1" },
	{ "class.net/eth0.1/mtu=1400", "class.net/eth0.1/mtu", "1400" },
	{ "devices/pci0000:00/0000:00:03.0/a = b=c d", "devices/pci0000:00/0000:00:03.0/a", "b=c d" },
};

static int parse(const char *line, size_t n, enum setting_names names, struct setting *s)
{
	struct error err = { 0 };
	int r = setting_parse(line, n, names, s, &err);

	if (r < 0 && !err.msg)
		r = -2; /* an error that says nothing */
	error_clear(&err);
	return r;
}

static void test_lines(void)
{
	struct setting s;

	for (size_t i = 0; i < array_len(good); i++) {
		ok(parse(good[i].line, strlen(good[i].line), SETTING_DOTS, &s) == 1 && s.optional == good[i].optional,
		   "a setting: %s", good[i].line);
		ok_str(s.path, good[i].path, "its path");
		ok_str(s.value, good[i].value, "its value");
	}
	for (size_t i = 0; i < array_len(paths); i++) {
		ok(parse(paths[i].line, strlen(paths[i].line), SETTING_SLASHES, &s) == 1, "of sysfs: %s",
		   paths[i].line);
		ok_str(s.path, paths[i].path, "its path");
		ok_str(s.value, paths[i].value, "its value");
	}
	for (size_t i = 0; i < array_len(nothing); i++)
		ok(parse(nothing[i], strlen(nothing[i]), SETTING_DOTS, &s) == 0, "nothing: \"%s\"", nothing[i]);
	for (size_t i = 0; i < array_len(bad); i++)
		ok(parse(bad[i], strlen(bad[i]), SETTING_DOTS, &s) == -1, "refused: %s", bad[i]);
	ok(parse("a\0b = 1", 7, SETTING_DOTS, &s) == -1, "refused: a NUL in a name");
	ok(parse("a = 1\0", 6, SETTING_DOTS, &s) == -1, "refused: a NUL in a value");
}

static void test_lengths(void)
{
	struct setting s;
	char line[sizeof(s.path) + sizeof(s.value) + 2];
	size_t name = sizeof(s.path) - 1, value = sizeof(s.value) - 1;

	memset(line, 'a', sizeof(line));
	line[name] = '=';
	ok(parse(line, name + 1, SETTING_DOTS, &s) == 1 && strlen(s.path) == name, "the longest name");
	line[name] = 'a';
	line[name + 1] = '=';
	ok(parse(line, name + 2, SETTING_DOTS, &s) == -1, "one that is longer");
	line[1] = '=';
	ok(parse(line, 2 + value, SETTING_DOTS, &s) == 1 && strlen(s.value) == value, "the longest value");
	ok(parse(line, 3 + value, SETTING_DOTS, &s) == -1, "one that is longer");
}

/* --- folders ---------------------------------------------------------------------------------------- */

static char said[1024];

static void failed(const char *file, const struct error *err)
{
	size_t n = strlen(said);

	snprintf(said + n, sizeof(said) - n, "%s: %s;", file, error_text(err));
}

static void write_text(const char *path, const char *text)
{
	ok(file_write(path, text, strlen(text), 0644, NULL) == 0, "made %s", path);
}

static char *text_of(const char *path)
{
	return file_line(path, NULL);
}

static void test_folders(void)
{
	struct error err = { 0 };
	char *ksm, *swap;

	if (dir_make("conf", 0755, NULL) < 0 || dir_make("root/kernel/mm", 0755, NULL) < 0)
		abort();
	write_text("root/kernel/mm/ksm", "0");
	write_text("root/kernel/mm/swap", "0");
	write_text("conf/10-first.conf", "kernel/mm/ksm = 1\nkernel/mm/none = 2\n-kernel/mm/none = 3\nnonsense\n");
	write_text("conf/20-second.conf", "kernel/mm/ksm = 7\nkernel/mm/swap = 4");
	ok(settings_apply("conf", "root", SETTING_SLASHES, failed, &err) == 2, "two lines of two files have failed");
	ok_str(said,
	       "10-first.conf: kernel/mm/none = 2: No such file or directory;"
	       "10-first.conf: no '=' in \"nonsense\";",
	       "what was said of them");
	ksm = text_of("root/kernel/mm/ksm");
	swap = text_of("root/kernel/mm/swap");
	ok_str(ksm, "7", "the last file counts");
	ok_str(swap, "4", "a last line without its end");
	free(ksm);
	free(swap);
	ok(mkfifo("conf/05-fifo.conf", 0644) == 0 &&
		   settings_apply("conf", "root", SETTING_SLASHES, failed, &err) == -1,
	   "a fifo among them");
	ok_str(err.msg, "05-fifo.conf: this is no file", "is said, and holds nobody up");
	ok(settings_apply("none", "root", SETTING_SLASHES, failed, &err) == -1 &&
		   str_eq(err.msg, "none: No such file or directory"),
	   "a folder that is not there");
	error_clear(&err);
}

int main(void)
{
	char dir[] = "/tmp/test_setting.XXXXXX";

	if (!mkdtemp(dir) || chdir(dir) < 0)
		return 1;
	test_lines();
	test_lengths();
	test_folders();
	if (chdir("/") < 0 || dir_remove(dir, NULL) < 0)
		return 1;
	return tap_done();
}
