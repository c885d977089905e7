/* Partition tables, names and order of devices, what blkid prints, links, marks, conditions of swap. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypt_mark.h"
#include "drive.h"
#include "edges.h"
#include "io.h"
#include "links.h"
#include "probe.h"
#include "str.h"
#include "swap.h"
#include "table.h"
#include "tap.h"
#include "tool.h"

static const uint8_t random36[36] = "0123456789abcdefghijklmnopqrstuvwxy";
static const struct table_mark unfinished = { "ext4", "data" };

/* Every failure has a message. */
static bool fails_with_message(int r, struct error *err)
{
	bool good = r < 0 && err->msg;

	error_clear(err);
	return good;
}

/* --- tables ------------------------------------------------------------------------------------------------------ */

/* A disk as a file. */
static int disk_new(uint64_t bytes)
{
	char path[] = "/tmp/test_disk.XXXXXX";
	int fd = mkstemp(path);

	unlink(path);
	return fd >= 0 && ftruncate(fd, (off_t)bytes) == 0 ? fd : -1;
}

static void test_made(enum table_kind kind, uint64_t mebibytes)
{
	static struct table t, back;
	_cleanup_error_ struct error err = { 0 };
	_cleanup_close_ int fd = disk_new(mebibytes << 20);
	const char *name = kind == TABLE_GPT ? "gpt" : "dos";

	ok(table_read(fd, &t, &err) == 0 && t.kind == TABLE_NONE && t.sectors == mebibytes << 11,
	   "an empty disk has no table");
	ok(table_make(&t, kind, &unfinished, random36, &err) == 0 && table_write(fd, &t, &err) == 0,
	   "%s, %llu MiB: made", name, (unsigned long long)mebibytes);
	ok(table_read(fd, &back, &err) == 0 && back.kind == kind && back.count == 1 && back.parts[0].is_linux &&
		   back.parts[0].number == 1 && back.parts[0].start == 2048 && !back.torn && !back.moved,
	   "%s: and read: %s", name, "");
	ok(back.parts[0].start + back.parts[0].sectors <= (kind == TABLE_GPT ? t.sectors - 33 : t.sectors) &&
		   back.parts[0].start + back.parts[0].sectors >=
			   (t.sectors > UINT32_MAX && kind == TABLE_DOS ? UINT32_MAX - 1ull : t.sectors - 34),
	   "%s: the partition has all of the disk that the table can say", name);
	ok_str(back.mark.type, "ext4", "the mark's type");
	ok_str(back.mark.label, "data", "the mark's label");
	table_unmark(&back);
	ok(table_write(fd, &back, &err) == 0 && table_read(fd, &t, &err) == 0 && !*t.mark.type && t.count == 1,
	   "%s: the mark goes, the table stays", name);
	ok(table_grow(&t, &err) == 0, "%s: nothing to gain", name);
}

/* The disk has become larger; every step of the change is a disk with the old partition or with the new one. */
static void test_grown(enum table_kind kind)
{
	static struct table t, back;
	static struct table_bytes b;
	_cleanup_error_ struct error err = { 0 };
	_cleanup_close_ int fd = disk_new(64 << 20);
	uint8_t old_first[4096];
	uint64_t old;

	table_read(fd, &t, &err);
	table_make(&t, kind, &unfinished, random36, &err);
	table_unmark(&t);
	ok(table_write(fd, &t, &err) == 0 && ftruncate(fd, 256 << 20) == 0, "a disk that grows");
	ok(table_read(fd, &t, &err) == 0 && t.moved == (kind == TABLE_GPT), "its backup is where the end was");
	old = t.parts[0].sectors;
	ok(table_grow(&t, &err) == 1 && t.parts[0].sectors > 3 * old && t.parts[0].start == 2048, "the end moves");
	ok(table_render(&t, &b, &err) == 0 && io_pread(fd, old_first, 4096, 0) == 4096, "as bytes");
	/* after the backup, before the first copy */
	ok(pwrite(fd, b.tail, b.tail_size, (off_t)b.tail_at) == (ssize_t)b.tail_size, "the backup is written");
	ok(table_read(fd, &back, &err) == 0 && !back.torn && back.parts[0].sectors == old, "the old one still holds");
	if (kind == TABLE_GPT) {
		/* the write of the first copy tears after each sector */
		for (size_t n = 512; n < 4096; n += 512) {
			(void)!pwrite(fd, old_first, 4096, 0);
			(void)!pwrite(fd, b.head, n, 0);
			ok(table_read(fd, &back, &err) == 0 &&
				   (back.parts[0].sectors == old || back.parts[0].sectors == t.parts[0].sectors) &&
				   memcmp(back.guid, t.guid, 16) == 0,
			   "torn after %zu bytes: %s", n, back.torn ? "from the backup" : "whole");
		}
		memset(b.head + 512, 0xff, 512);
		(void)!pwrite(fd, b.head, 4096, 0);
		ok(table_read(fd, &back, &err) == 0 && back.torn && back.parts[0].sectors == t.parts[0].sectors,
		   "a header of nonsense: from the backup");
	}
	ok(table_write(fd, &t, &err) == 0 && table_read(fd, &back, &err) == 0 && !back.torn && !back.moved &&
		   back.parts[0].sectors == t.parts[0].sectors,
	   "the new one");
	ok(kind != TABLE_GPT || memcmp(back.entries + 16, t.entries + 16, 16) == 0, "the partition's UUID stays");
}

static void test_tables_refused(void)
{
	static struct table t;
	static uint8_t edge[TABLE_EDGE];
	_cleanup_error_ struct error err = { 0 };

	t.sector = 512;
	t.sectors = 8191;
	ok(fails_with_message(table_make(&t, TABLE_DOS, &unfinished, random36, &err), &err),
	   "a disk of less than 4 MiB: refused");
	edge[510] = 0x55;
	edge[511] = 0xaa;
	ok(table_parse(edge, edge, sizeof(edge), 512, 8192, &t, &err) == 0 && t.kind == TABLE_DOS && t.count == 0,
	   "a table without partitions");
	edge[446 + 4] = 0x83;
	edge[446 + 8] = 1;
	edge[446 + 13] = 0xff; /* 65280 sectors */
	ok(fails_with_message(table_parse(edge, edge, sizeof(edge), 512, 8192, &t, &err), &err),
	   "a partition beyond the end: refused");
	edge[446] = 0x12;
	ok(table_parse(edge, edge, sizeof(edge), 512, 8192, &t, &err) == 0 && t.kind == TABLE_NONE,
	   "a boot sector of a file system is no table");
	edge[446] = 0;
	edge[446 + 4] = 0xee;
	ok(fails_with_message(table_parse(edge, edge, sizeof(edge), 512, 8192, &t, &err), &err),
	   "a GPT without headers: refused");
	ok(table_parse(edge, edge, sizeof(edge), 513, 8192, &t, &err) < 0, "sectors of 513 bytes");
}

/* --- names ---------------------------------------------------------------------------------------------------------
 */

static void test_names(void)
{
	static const char *const partitions[][2] = {
		{ "vda", "vda1" },          { "nvme0n1", "nvme0n1p1" },
		{ "nvme0n9", "nvme0n9p1" }, { "nvme10n10", "nvme10n10p1" },
		{ "mmcblk0", "mmcblk0p1" }, { "md0", "md0p1" },
		{ "loop0", "loop0p1" },     { "dm-0", "dm-0p1" },
		{ "xvdb", "xvdb1" },
	};
	static const char *const order[] = { "mmcblk0", "mmcblk1", "nvme0n1", "nvme0n9", "nvme0n10", "sda", "sda1",
					     "sdb",     "sdz",     "sdaa",    "sdaa1",   "sdab",     "vda", "vdb" };
	char name[DRIVE_NAME];

	for (size_t i = 0; i < array_len(partitions); i++) {
		partition_name(name, partitions[i][0], 1);
		ok_str(name, partitions[i][1], partitions[i][0]);
	}
	for (size_t i = 0; i + 1 < array_len(order); i++)
		ok(device_compare(order[i], order[i + 1]) < 0 && device_compare(order[i + 1], order[i]) > 0,
		   "%s before %s", order[i], order[i + 1]);
}

static void sys_add(const char *sys, const char *name, const char *file, const char *text)
{
	_cleanup_free_ char *dir = str_format("%s/class/block/%s/holders", sys, name),
			    *path = str_format("%s/class/block/%s/%s", sys, name, file);

	dir_make(dir, 0755, NULL);
	file_write(path, text, strlen(text), 0644, NULL);
}

static void test_partition_drive(const char *sys)
{
	_cleanup_free_ char *part = str_format("%s/devices/nvme0n9/nvme0n9p2", sys),
			    *number = str_format("%s/partition", part),
			    *link = str_format("%s/class/block/nvme0n9p2", sys);
	char drive[DRIVE_NAME] = "";

	ok(dir_make(part, 0755, NULL) == 0 && file_write(number, "2\n", 2, 0644, NULL) == 0 && symlink(part, link) == 0,
	   "a partition");
	ok(partition_drive(sys, "nvme0n9p2", drive) == 0, "is one of");
	ok_str(drive, "nvme0n9", "its disk");
	ok(partition_drive(sys, "vda", drive) < 0, "a disk is no partition");
}

static void test_drives(void)
{
	char sys[] = "/tmp/test_disk.XXXXXX";
	static const char *const names[] = { "vdb",          "vda", "vda1", "nvme0n9", "nvme0n10",
					     "nvme0n9p1",    "md0", "dm-0", "loop0",   "zram0",
					     "ram0",         "sr0", "fd0",  "nbd0",    "mmcblk0",
					     "mmcblk0boot0", "vdc", "vdd",  "vde" };
	_cleanup_strv_ char **drives = NULL, **devices = NULL;
	_cleanup_free_ char *text = NULL, *more = NULL;

	ok(mkdtemp(sys) != NULL, "a folder for sysfs");
	for (size_t i = 0; i < array_len(names); i++) {
		sys_add(sys, names[i], "size", "2048\n");
		sys_add(sys, names[i], "ro", "0\n");
	}
	sys_add(sys, "vda1", "partition", "1\n");
	sys_add(sys, "nvme0n9p1", "partition", "1\n");
	sys_add(sys, "vdc", "ro", "1\n");
	sys_add(sys, "vdd", "size", "0\n");
	sys_add(sys, "vde", "holders/md0", "");
	drives = drives_find(sys, NULL);
	devices = devices_find(sys, NULL);
	text = strv_join(drives, " ");
	more = strv_join(devices, " ");
	ok_str(text, "md0 mmcblk0 nvme0n9 nvme0n10 vda vdb", "whole disks that nobody has to name, in order");
	ok_str(more, "dm-0 loop0 md0 mmcblk0 mmcblk0boot0 nbd0 nvme0n9 nvme0n9p1 nvme0n10 sr0 vda vda1 vdb vdc vde",
	       "all devices with a medium");
	test_partition_drive(sys);
	dir_remove(sys, NULL);
}

/* --- the rest ------------------------------------------------------------------------------------------------------
 */

static void test_probes(void)
{
	static const char text[] =
		"DEVNAME=/dev/vda1\nLABEL=my\\ "
		"label/x\\\\y\nUUID=1234\nTYPE=ext4\nUSAGE=filesystem\nPART_ENTRY_UUID=ab-cd\n"
		"\nDEVNAME=/dev/vdb\nTYPE=linux_raid_member\nUSAGE=raid\n\nDEVNAME=/dev/vdc\nPTTYPE=gpt\nnonsense\n=\n";
	_cleanup_error_ struct error err = { 0 };
	_cleanup_free_ char *what = NULL, *raid = NULL;
	struct probe *p;
	size_t n;

	ok(probe_parse(text, &p, &n, &err) == 0 && n == 3, "three devices");
	ok_str(p[0].label, "my label/x\\y", "a label with blanks and backslashes");
	ok_str(p[0].part_uuid, "ab-cd", "the partition's UUID");
	ok_str(p[1].type, "linux_raid_member", "RAID");
	ok_str(p[2].table, "gpt", "a table");
	ok_str(what = probe_text(&p[0]), "ext4 (filesystem) with the label my label/x\\y", "as words");
	ok_str(raid = probe_text(&p[1]), "linux_raid_member (raid)", "as words");
	probes_free(p, n);
	ok(probe_parse("TYPE=ext4\n", &p, &n, &err) == 0 && n == 0, "a value of no device");
}

static void test_links(void)
{
	static const char *const rows[][2] = {
		{ "data", "data" },
		{ "my label/x", "my\\x20label\\x2fx" },
		{ "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f" },
		{ "a\xff\n", "a\\xff\\x0a" },
		{ "#+-.:=@_", "#+-.:=@_" },
	};

	for (size_t i = 0; i < array_len(rows); i++) {
		_cleanup_free_ char *name = links_encode(rows[i][0]);

		ok_str(name, rows[i][1], rows[i][0]);
	}
}

static void test_lines(void)
{
	_cleanup_free_ char *three = tool_last_lines("a\nb\r\n\nc\nd\n"), *none = tool_last_lines("");

	ok_str(three, "b; c; d", "the last three lines");
	ok_str(none, "", "of nothing");
}

static void test_marks(void)
{
	_cleanup_close_ int fd = disk_new(1 << 20), small = disk_new(4096);
	_cleanup_error_ struct error err = { 0 };
	struct crypt_mark mark, old = { CRYPT_READY, "luks", false, "" },
				now = { CRYPT_MAKING, "plain", true, "my label" },
				none = { CRYPT_READY, "plain", true, "" };

	ok(crypt_mark_read(fd, &mark, &err) == 0 && mark.state == CRYPT_NONE, "no mark");
	ok(crypt_mark_write(fd, &now, &err) == 0 && crypt_mark_read(fd, &mark, &err) == 0 && mark.state == CRYPT_MAKING,
	   "making");
	ok_str(mark.mode, "plain", "its mode");
	ok(mark.label_known, "a label is known");
	ok_str(mark.label, "my label", "the label");
	ok(crypt_mark_write(fd, &old, &err) == 0 && crypt_mark_read(fd, &mark, &err) == 0 && mark.state == CRYPT_READY,
	   "ready");
	ok_str(mark.mode, "luks", "its mode");
	ok(!mark.label_known, "a mark of before says no label");
	ok(crypt_mark_write(fd, &none, &err) == 0 && crypt_mark_read(fd, &mark, &err) == 0 && mark.label_known &&
		   !*mark.label,
	   "that there was no label is known, too");
	ok(fails_with_message(crypt_mark_read(small, &mark, &err), &err), "no room for one: refused");
}

static void test_edges(void)
{
	char path[] = "/tmp/test_disk.XXXXXX";
	_cleanup_close_ int fd = disk_new(4 << 20), made = mkstemp(path), unread = open(path, O_WRONLY | O_CLOEXEC);
	_cleanup_error_ struct error err = { 0 };
	static const off_t places[] = { 0, 510, (1 << 20) - 1, 3 << 20, (4 << 20) - 1 };

	ok(edges_blank(fd, &err) == 1, "a disk that was never written is blank");
	for (size_t i = 0; i < array_len(places); i++) {
		ok(pwrite(fd, "x", 1, places[i]) == 1 && edges_blank(fd, &err) == 0, "byte %lld is seen",
		   (long long)places[i]);
		(void)!pwrite(fd, "", 1, places[i]);
	}
	ok(pwrite(fd, "x", 1, 2 << 20) == 1 && edges_blank(fd, &err) == 1, "what is between is not looked at");
	unlink(path);
	ok(ftruncate(made, 1 << 20) == 0 && fails_with_message(edges_blank(unread, &err), &err),
	   "what cannot be read is not blank");
}

static void test_conditions(void)
{
	static const struct {
		const char *text;
		int result;
		uint64_t size;
		bool required;
	} rows[] = {
		{ "part:/var", 0, 0, false },
		{ "part:/var:true", 0, 0, true },
		{ "partsize:/var:4G", 0, 4ull << 30, false },
		{ "partsize:/var:10K:true", 0, 10240, true },
		{ "part:/var:false", 0, 0, false },
		{ "partsize:/var", -1, 0, false },
		{ "partsize:/var:much", -1, 0, false },
		{ "part", -1, 0, false },
		{ "part:var", -1, 0, false },
		{ "disk:/var", -1, 0, false },
		{ "", -1, 0, false },
		{ "part:/var:true:x", -1, 0, false },
	};

	for (size_t i = 0; i < array_len(rows); i++) {
		_cleanup_error_ struct error err = { 0 };
		struct condition c;
		int r = condition_parse(rows[i].text, &c, &err);

		ok(r == rows[i].result && (r < 0 || (c.size == rows[i].size && c.required == rows[i].required)),
		   "condition %s", rows[i].text);
		ok(r == 0 || err.msg, "with a message where it is none");
	}
}

int main(void)
{
	test_made(TABLE_DOS, 16);
	test_made(TABLE_GPT, 16);
	test_made(TABLE_DOS, 8ull << 20);
	test_made(TABLE_GPT, 8ull << 20);
	test_grown(TABLE_DOS);
	test_grown(TABLE_GPT);
	test_tables_refused();
	test_names();
	test_drives();
	test_probes();
	test_links();
	test_lines();
	test_marks();
	test_edges();
	test_conditions();
	return tap_done();
}
