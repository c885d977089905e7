/* State directories: who holds them, what is opened in them; what disks' headers say, and what is noted of disks. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "disk_header.h"
#include "disk_notes.h"
#include "io.h"
#include "state.h"
#include "str.h"
#include "tap.h"

static char dir[] = "/tmp/pith-state.XXXXXX";

/* --- the lock's text ------------------------------------------------------------------------------------------- */

static void records(void)
{
	static const char *const bad[] = { "",
					   "1",
					   "1\n",
					   "1 2",
					   "0 2\n",
					   "-1 2\n",
					   "1 2\n3 4\n",
					   "1 2 \n",
					   " 1 2\n",
					   "99999999999 1\n",
					   "1 99999999999999999999999\n",
					   "1\n2",
					   "a 1\n" };
	uint64_t start = 0;
	pid_t pid = 0;

	ok(state_record_parse("123 456\n", 8, &pid, &start) == 0 && pid == 123 && start == 456, "a record is read");
	ok(state_record_parse("1 2\0\n", 5, &pid, &start) < 0, "refused: one with a NUL");
	for (size_t i = 0; i < array_len(bad); i++)
		ok(state_record_parse(bad[i], strlen(bad[i]), &pid, &start) < 0, "refused: \"%s\"", bad[i]);
}

/* --- the directory --------------------------------------------------------------------------------------------- */

static void locks(void)
{
	_cleanup_free_ char *path = str_format("%s/locks", dir);
	struct state a = STATE_INIT, b = STATE_INIT;
	_cleanup_error_ struct error err = { 0 };
	struct stat st;
	int fd;

	ok(state_open(&a, path, &err) == 0 && stat(path, &st) == 0 && (st.st_mode & 07777) == 0700,
	   "a directory is made, the caller's alone");
	ok(state_open(&b, path, &err) < 0 && strstr(err.msg, "a machine runs from"), "it is one machine's");
	state_undo(&b);
	state_close(&b);
	fd = state_process(path, &err);
	ok(fd >= 0, "whose process is found");
	close(fd);
	state_undo(&a);
	state_close(&a);
	ok(access(path, F_OK) < 0, "given up it is gone");
	ok(state_open(&a, path, &err) == 0, "it is made again");
	state_close(&a);
	error_clear(&err);
	ok(state_process(path, &err) < 0 && strstr(err.msg, "is not running"), "let go of, nobody has it");
	ok(state_open(&a, path, &err) == 0, "and it is to be had");
	state_close(&a);
}

static void files(void)
{
	_cleanup_free_ char *path = str_format("%s/files", dir), *outside = str_format("%s/outside", dir);
	_cleanup_error_ struct error err = { 0 };
	_cleanup_buf_ struct buf text = { 0 };
	struct state s = STATE_INIT;
	struct stat st;
	int fd;

	state_open(&s, path, NULL);
	ok(state_read(&s, "none", 10, &text, &err) < 0 && err.code == ENOENT, "a missing file is ENOENT");
	ok(state_write(&s, "a", "one", 3, &err) == 0 && fstatat(s.fd, "a", &st, 0) == 0 && (st.st_mode & 0777) == 0600,
	   "a file is written, closed to others");
	ok(state_read(&s, "a", 10, &text, &err) == 0 && str_eq(buf_text(&text), "one"), "and read");
	mkfifoat(s.fd, "fifo", 0600);
	ok(state_write(&s, "fifo", "x", 1, &err) == 0, "a fifo without a reader holds nobody up");
	error_clear(&err);
	ok(state_read(&s, "fifo", 10, &text, &err) < 0 && err.code == EINVAL, "nor when it is read");
	state_remove(&s, "fifo");
	ok(faccessat(s.fd, "fifo", F_OK, 0) == 0, "and it stays");
	ok(symlinkat("../outside", s.fd, "link") == 0 && state_write(&s, "link", "far", 3, &err) == 0 &&
		   fstatat(s.fd, "link", &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode) &&
		   stat(outside, &st) == 0 && st.st_size == 3,
	   "the caller's own link is followed, to nothing even");
	fd = state_create(&s, "link", &err);
	ok(fd >= 0 && stat(outside, &st) == 0 && st.st_size == 0, "and opened");
	close(fd);
	state_remove(&s, "link");
	ok(access(outside, F_OK) < 0, "and taken away where it leads");
	error_clear(&err);
	ok(linkat(s.fd, "a", s.fd, "b", 0) == 0 && state_create(&s, "b", &err) < 0 && err.code == EMLINK &&
		   fstatat(s.fd, "a", &st, 0) == 0 && st.st_size == 3,
	   "a file with two names is not emptied");
	state_close(&s);
}

static void macs(void)
{
	static const char *const bad[] = { "",         "02:00:00:00:00",     "02:00:00:00:00:01:", "02:00:00:00:00:0g",
					   "nonsense", "02:00:00:00:00:011", " 02:00:00:00:00:1" };

	ok(state_mac_valid("02:00:00:00:00:01") && state_mac_valid("fe:FF:00:aa:BB:01"), "addresses are taken");
	for (size_t i = 0; i < array_len(bad); i++)
		ok(!state_mac_valid(bad[i]), "refused: \"%s\"", bad[i]);
}

/* --- headers --------------------------------------------------------------------------------------------------- */

static void be(uint8_t *p, uint64_t v, int n)
{
	while (n--) {
		p[n] = (uint8_t)v;
		v >>= 8;
	}
}

static void headers(void)
{
	static const struct {
		const char *bytes, *format;
	} rows[] = {
		{ "\0\0\0\0\0\0\0\0", NULL }, { "QFI\xfb\0\0\0\3", "qcow2" }, { "QFI\xfb\0\0\0\1", "qcow" },
		{ "QED\0\0\0\0\0", "qed" },   { "KDMV\0\0\0\0", "vmdk" },     { "COWD\0\0\0\0", "vmdk" },
		{ "vhdxfile", "vhdx" },       { "conectix", "vpc" },          { "LUKS\xba\xbe\0\1", NULL },
	};
	uint8_t head[1024] = "QFI\xfb";
	struct disk_header h;

	for (size_t i = 0; i < array_len(rows); i++) {
		disk_header_parse((const uint8_t *)rows[i].bytes, 8, &h);
		ok_str(h.format, rows[i].format, rows[i].format ? rows[i].format : "nothing that is known");
	}
	disk_header_parse((const uint8_t *)"QF", 2, &h);
	ok(!h.format, "a disk of two bytes is raw");
	be(head + 4, 3, 4);
	be(head + 100, 112, 4);
	be(head + 72, 4, 8);
	disk_header_parse(head, sizeof(head), &h);
	ok(h.data_file && h.names_files && !h.backing[0], "qcow2 with its content in another file");
	be(head + 72, 0, 8);
	be(head + 8, 512, 8);
	be(head + 16, 6, 4);
	memcpy(head + 512, "secretX", 7);
	be(head + 112, 0xe2792aca, 4);
	be(head + 116, 3, 4);
	memcpy(head + 120, "raw", 3);
	disk_header_parse(head, sizeof(head), &h);
	ok(h.names_files && !h.data_file, "qcow2 over another file");
	ok_str(h.backing, "secret", "its name");
	ok_str(h.backing_format, "raw", "its format");
	be(head + 8, UINT64_MAX, 8);
	be(head + 16, UINT32_MAX, 4);
	be(head + 116, UINT32_MAX, 4);
	disk_header_parse(head, sizeof(head), &h);
	ok(h.names_files && !h.backing_format[0], "offsets and lengths beyond the bytes");
	be(head + 4, 2, 4);
	be(head + 72, 0xe2792aca, 4);
	be(head + 76, 5, 4);
	memcpy(head + 80, "qcow2", 5);
	disk_header_parse(head, sizeof(head), &h);
	ok_str(h.backing_format, "qcow2", "version 2 has its extensions earlier");
	ok_str(disk_name_format("a/b.qcow2"), "qcow2", "a name says a format");
	ok(!disk_name_format("a.img") && !disk_name_format("qcow2"), "or none");
}

/* What other hypervisors' headers say of files that QEMU would open with them. */
static void foreign_headers(void)
{
	static uint8_t head[DISK_HEAD];
	struct disk_header h;

	memcpy(head, "conectix", 8);
	be(head + 60, 3, 4);
	disk_header_parse(head, 512, &h);
	ok(str_eq(h.format, "vpc") && !h.names_files, "a VHD that grows is one file");
	disk_header_parse(head, 511, &h);
	ok(h.names_files, "of one that is cut nothing is known");
	be(head + 60, 4, 4);
	disk_header_parse(head, sizeof(head), &h);
	ok(h.names_files, "a VHD of differences has a parent");
	ok(!disk_footer_is_fixed_vhd(head), "which is not one of fixed size");
	be(head + 60, 2, 4);
	ok(disk_footer_is_fixed_vhd(head), "one of fixed size says so in its last sector");

	memcpy(head, "KDMV\0\0\0\1", 8);
	memset(head + 8, 0, 100);
	disk_header_parse(head, sizeof(head), &h);
	ok(str_eq(h.format, "vmdk") && h.names_files, "a VMDK without a capacity leads to a descriptor");
	head[12] = 1;
	disk_header_parse(head, sizeof(head), &h);
	ok(!h.names_files, "one with its own content is one file");
	disk_header_parse(head, 512 + 20 * 512 - 1, &h);
	ok(h.names_files, "of one whose descriptor is cut nothing is known");
	memcpy(head + 512 + 20 * 512 - 18, "parentFileNameHint", 18);
	disk_header_parse(head, sizeof(head), &h);
	ok(h.names_files, "a parent that the descriptor names is seen up to its end");
}

/* --- notes ----------------------------------------------------------------------------------------------------- */

static void notes(void)
{
	static const char text[] = "1:2:3.4 raw /a b\nbroken\n1:2:3.40 qcow2 /c\n5:6:7.8 Bad/x /d\n9:9:9.9\n";
	_cleanup_buf_ struct buf out = { 0 };
	char *found;
	int r = 0;

	found = disk_notes_find(text, "1:2:3.4");
	ok_str(found, "raw", "a disk's format is found");
	free(found);
	found = disk_notes_find(text, "1:2:3.40");
	ok_str(found, "qcow2", "and told from a longer name's");
	free(found);
	ok(!disk_notes_find(text, "1:2:3") && !disk_notes_find(text, "5:6:7.8") && !disk_notes_find(text, "9:9:9.9"),
	   "others are not there");
	disk_notes_set(&out, text, "1:2:3.4", "qcow2", "/new\nline", NULL);
	found = disk_notes_find(buf_text(&out), "1:2:3.4");
	ok_str(found, "qcow2", "a note is replaced");
	free(found);
	ok(strstr(buf_text(&out), "/new?line\n") && strstr(buf_text(&out), "1:2:3.40 qcow2 /c\n"), "alone, in a line");
	for (int i = 0; i < 1000 && r == 0; i++) {
		struct buf old = out;
		_cleanup_free_ char *id = str_format("%d:1", i);

		out = (struct buf){ 0 };
		r = disk_notes_set(&out, buf_text(&old), id, "raw", "/disk", NULL);
		buf_free(&old);
	}
	found = disk_notes_find(buf_text(&out), "999:1");
	ok(r == 0 && found && out.len < DISK_NOTES_MAX && !disk_notes_find(buf_text(&out), "1:1"),
	   "the oldest go where there are too many");
	free(found);
}

int main(void)
{
	if (!mkdtemp(dir))
		return 1;
	records();
	locks();
	files();
	macs();
	headers();
	foreign_headers();
	notes();
	dir_remove(dir, NULL);
	return tap_done();
}
