/* lib/sys: device events, mountinfo, the kernel command line. */
#include "cmdline.h"
#include "mountinfo.h"
#include "str.h"
#include "tap.h"
#include "uevent.h"

#define MESSAGE(s) s, sizeof(s)

static void test_uevent(void)
{
	static const char add[] =
		"add@/devices/pci0000:00/0000:00:03.0\0ACTION=add\0DEVPATH=/devices/pci0000:00/0000:00:03.0\0"
		"SUBSYSTEM=pci\0PCI_ID=1AF4:1000\0MODALIAS=pci:v00001AF4d00001000\0SEQNUM=7";
	static const struct {
		const char *what, *message;
		size_t size;
	} refused[] = {
		{ "nothing", "", 0 },
		{ "no end", "add@/x\0ACTION=add\0DEVPATH=/x", 28 },
		{ "udev's own", MESSAGE("libudev\0\xfe\xed\xca\xfe") },
		{ "no action", MESSAGE("add@/x\0DEVPATH=/x") },
		{ "no path", MESSAGE("add@/x\0ACTION=add") },
		{ "only a header", MESSAGE("add@/x") },
	};
	struct uevent e;

	ok(uevent_parse(add, sizeof(add), &e) == 0, "a device that is added");
	ok_str(e.action, "add", "its action");
	ok_str(e.devpath, "/devices/pci0000:00/0000:00:03.0", "its path");
	ok_str(e.subsystem, "pci", "its subsystem");
	ok_str(e.modalias, "pci:v00001AF4d00001000", "its alias");
	ok_str(e.devname, "", "it has no node");
	for (size_t i = 0; i < array_len(refused); i++) {
		_cleanup_free_ char *copy = malloc(refused[i].size + 1);

		memcpy(copy, refused[i].message, refused[i].size);
		copy[refused[i].size] = 'x';
		ok(uevent_parse(copy, refused[i].size, &e) == -1, "refused: %s", refused[i].what);
	}
}

static void test_mountinfo(void)
{
	static const struct {
		const char *line;
		int result;
		const char *target, *type, *source, *super;
	} rows[] = {
		{ "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 shared:3 - ext3 /dev/root rw,errors=continue\n", 0,
		  "/mnt2", "ext3", "/dev/root", "rw,errors=continue" },
		{ "22 1 0:21 / / ro - tmpfs none rw", 0, "/", "tmpfs", "none", "rw" },
		{ "22 1 0:21 / /a\\040b\\011\\134 ro - tmpfs a\\040b rw", 0, "/a b\t\\", "tmpfs", "a b", "rw" },
		{ "22 1 0:21 / /x ro - tmpfs  rw", 0, "/x", "tmpfs", "", "rw" },
		{ "22 1 0:21 / /x\\09 ro - tmpfs none rw", 0, "/x\\09", "tmpfs", "none", "rw" },
		{ "", -1, NULL, NULL, NULL, NULL },
		{ "22 1 0:21 / /x ro tmpfs none rw", -1, NULL, NULL, NULL, NULL },
		{ "22 1 0:21 / /x ro -", -1, NULL, NULL, NULL, NULL },
		{ "x 1 0:21 / /x ro - tmpfs none rw", -1, NULL, NULL, NULL, NULL },
	};

	for (size_t i = 0; i < array_len(rows); i++) {
		_cleanup_free_ char *line = strdup(rows[i].line);
		struct mountinfo m;
		int r = mountinfo_parse(line, &m);

		ok(r == rows[i].result, "row %zu is %s", i, rows[i].result ? "refused" : "accepted");
		if (r == 0 && rows[i].result == 0) {
			ok_str(m.target, rows[i].target, "its target");
			ok_str(m.type, rows[i].type, "its type");
			ok_str(m.source, rows[i].source, "its source");
			ok_str(m.super, rows[i].super, "its file system's options");
		}
	}
}

static void test_cmdline(void)
{
	static const char line[] = "console=ttyS0 pith.timing=1\tquiet\n";

	ok(cmdline_has(line, "pith.timing=1") && cmdline_has(line, "quiet") && cmdline_has(line, "console=ttyS0"),
	   "words of the command line are found");
	ok(!cmdline_has(line, "pith.timing=") && !cmdline_has(line, "timing=1") && !cmdline_has("", "x"),
	   "parts of words are not");
}

int main(void)
{
	test_uevent();
	test_mountinfo();
	test_cmdline();
	return tap_done();
}
