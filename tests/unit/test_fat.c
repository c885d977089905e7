/* FAT32 that is changed in place: what mkfs.vfat makes is read, files come, go and get other names, and mkfs' own
 * checker finds nothing wrong. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "buf.h"
#include "fat.h"
#include "str.h"
#include "tap.h"
#include "tool.h"

enum { SIZE = 80 << 20, AT = 1 << 20 };

static char path[] = "/tmp/test_fat.XXXXXX";

static int tool(const char *const *argv, struct buf *said)
{
	return tool_run((char *const *)argv, said, NULL);
}

/* With a folder EFI/Linux and a file that was there before. */
static int disk_make(const char *cluster)
{
	static const char *const dirs[] = { "::/EFI", "::/EFI/Linux", "::/loader" };
	const char *const make[] = { "mkfs.vfat", "-F", "32",   "-s", cluster, "--offset",
				     "2048",      "-h", "2048", path, "81920", NULL };
	_cleanup_free_ char *image = NULL;
	int fd;

	strcpy(path, "/tmp/test_fat.XXXXXX");
	fd = mkstemp(path);
	image = str_format("%s@@%d", path, AT);
	if (fd < 0 || ftruncate(fd, SIZE + AT) < 0 || tool(make, NULL) != 0)
		return -1;
	for (size_t i = 0; i < array_len(dirs); i++)
		if (tool((const char *const[]){ "mmd", "-i", image, dirs[i], NULL }, NULL) != 0)
			return -1;
	return tool((const char *const[]){ "mcopy", "-i", image, "/etc/passwd", "::/loader/loader.conf", NULL },
		    NULL) == 0
		? fd
		: -1;
}

static bool checker_likes(void)
{
	_cleanup_buf_ struct buf said = { 0 };
	const char *const copy[] = { "dd", "bs=1M", "skip=1", "status=none", NULL, NULL, NULL };
	const char *argv[7];
	_cleanup_free_ char *from = str_format("if=%s", path), *to = str_format("of=%s.fs", path),
			    *fs = str_format("%s.fs", path);
	bool good;

	memcpy(argv, copy, sizeof(copy));
	argv[4] = from;
	argv[5] = to;
	good = tool(argv, NULL) == 0 && tool((const char *const[]){ "fsck.vfat", "-n", fs, NULL }, &said) == 0;
	if (!good)
		printf("# %s\n", buf_text(&said));
	unlink(fs);
	return good;
}

/* A file of n bytes, each of this letter; the tables are written before the name. */
static int file_add(struct fat *f, const char *name, size_t n, char letter, struct error *err)
{
	_cleanup_fat_dir_ struct fat_dir d = { 0 };
	_cleanup_free_ uint8_t *data = malloc(n);
	uint32_t first = 0, at;

	memset(data, letter, n);
	if (fat_dir_open(f, "EFI/Linux", &d, err) < 0 || fat_chain_take(f, n, &first, err) < 0)
		return -1;
	at = first;
	if (fat_chain_write(f, &at, data, n, err) < 0 || fat_table_write(f, err) < 0 ||
	    fat_dir_add(&d, name, first, (uint32_t)n, 1492533000, err) < 0)
		return -1;
	return fat_dir_write(&d, err);
}

static bool file_find(const struct fat_dir *d, const char *name, struct fat_entry *e)
{
	for (size_t at = 0; fat_dir_next(d, &at, e);)
		if (str_eq(e->name, name))
			return true;
	return false;
}

static bool file_is(const char *name, size_t n, char letter)
{
	_cleanup_free_ char *image = str_format("%s@@%d", path, AT), *full = str_format("::/EFI/Linux/%s", name);
	_cleanup_buf_ struct buf said = { 0 };

	if (tool((const char *const[]){ "mtype", "-i", image, full, NULL }, &said) != 0 || said.len != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (buf_bytes(&said)[i] != letter)
			return false;
	return true;
}

static int file_rename(struct fat *f, const char *name, const char *to, struct error *err)
{
	_cleanup_fat_dir_ struct fat_dir d = { 0 };
	struct fat_entry e;

	if (fat_dir_open(f, "EFI/Linux", &d, err) < 0 || !file_find(&d, name, &e))
		return -1;
	fat_dir_remove(&d, &e);
	if (to && fat_dir_add(&d, to, e.first, e.size, 0, err) < 0)
		return -1;
	return fat_dir_write(&d, err);
}

static void test_life(const char *cluster)
{
	_cleanup_error_ struct error err = { 0 };
	_cleanup_close_ int fd = disk_make(cluster);
	_cleanup_fat_ struct fat f = { 0 };
	uint64_t before;

	ok(fd >= 0 && fat_open(&f, fd, AT, SIZE, &err) == 0, "clusters of %s sectors: opened: %s", cluster,
	   error_text(&err));
	before = fat_bytes_free(&f);
	ok(file_add(&f, "pith-1-a+3.efi", 100000, 'a', &err) == 0 && file_is("pith-1-a+3.efi", 100000, 'a'),
	   "a file comes: %s", error_text(&err));
	ok(file_rename(&f, "pith-1-a+3.efi", "pith-1-a.efi", &err) == 0 && file_is("pith-1-a.efi", 100000, 'a') &&
		   !file_is("pith-1-a+3.efi", 100000, 'a'),
	   "it gets another name, and keeps its content: %s", error_text(&err));
	ok(file_add(&f, "a name that takes up more than one slot of a directory.efi", 5, 'b', &err) == 0 &&
		   file_is("a name that takes up more than one slot of a directory.efi", 5, 'b'),
	   "a long name: %s", error_text(&err));
	for (int i = 0; i < 20; i++) {
		char name[32];

		snprintf(name, sizeof(name), "pith-%d-b+3.efi", i);
		if (file_add(&f, name, 600, 'c', &err) < 0)
			break;
	}
	ok(err.code == ENOSPC && fat_lost_free(&f, NULL) == 0 && fat_table_write(&f, NULL) == 0,
	   "a directory that is full says so, and what came for it goes: %s", error_text(&err));
	error_clear(&err);
	ok(file_is("pith-0-b+3.efi", 600, 'c') && checker_likes(), "the checker has nothing to say");
	ok(file_rename(&f, "pith-1-a.efi", NULL, &err) == 0 && fat_lost_free(&f, &err) == 0 &&
		   fat_table_write(&f, &err) == 0 && checker_likes(),
	   "a file goes, and its clusters are free: %s", error_text(&err));
	for (int i = 0; i < 20; i++) {
		char name[32];

		snprintf(name, sizeof(name), "pith-%d-b+3.efi", i);
		file_rename(&f, name, NULL, NULL);
	}
	ok(file_rename(&f, "a name that takes up more than one slot of a directory.efi", NULL, &err) == 0 &&
		   fat_lost_free(&f, &err) == 0 && fat_bytes_free(&f) == before,
	   "all of them gone: all is free");
	unlink(path);
}

static void test_faults(void)
{
	_cleanup_error_ struct error err = { 0 };
	_cleanup_close_ int fd = disk_make("1");
	_cleanup_fat_ struct fat f = { 0 };
	_cleanup_fat_dir_ struct fat_dir d = { 0 };
	uint32_t first;
	uint8_t zero = 0;

	ok(fat_open(&f, fd, AT, SIZE - 1024, &err) < 0 && err.code == EINVAL, "larger than its partition: %s",
	   error_text(&err));
	error_clear(&err);
	ok(fat_open(&f, fd, 0, SIZE, &err) < 0 && err.code == EINVAL, "no file system: %s", error_text(&err));
	error_clear(&err);
	ok(fat_open(&f, fd, AT, SIZE, &err) == 0, "opened");
	ok(fat_chain_take(&f, UINT64_C(1) << 40, &first, &err) < 0 && err.code == ENOSPC, "too much: %s",
	   error_text(&err));
	error_clear(&err);
	ok(fat_dir_open(&f, "EFI/none", &d, &err) < 0 && err.code == ENOENT, "no such directory: %s", error_text(&err));
	error_clear(&err);
	ok(fat_dir_open(&f, "loader/LOADER.CONF", &d, &err) < 0 && err.code == ENOTDIR, "a file is no directory: %s",
	   error_text(&err));
	ok(pwrite(fd, &zero, 1, AT + 13) == 1, "a cluster of no sectors");
	fat_close(&f);
	error_clear(&err);
	ok(fat_open(&f, fd, AT, SIZE, &err) < 0 && err.code == EINVAL, "is refused: %s", error_text(&err));
	unlink(path);
}

int main(void)
{
	test_life("1");
	test_life("2");
	test_faults();
	return tap_done();
}
