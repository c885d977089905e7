/* A disk with two systems: names of boot entries, headers of updates, and updates that are cut off. The disk is a file,
 * whose writes are noted: pwrite and fsync of this program are the ones below. A power cut at each of them, with what
 * was not synced lost in part, and torn within a write, leaves a disk that starts one of the systems, whole. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "boot.h"
#include "buf.h"
#include "io.h"
#include "log.h"
#include "str.h"
#include "tap.h"
#include "tool.h"
#include "update.h"
#include "update_private.h"

enum { ESP = 36 << 20, SLOT = 1 << 20, DISK = ESP + 2 * SLOT, KERNEL = 300000, ROOT = 160 << 10 };

/* --- the disk, and what is written to it -------------------------------------------------------------------------- */

struct note {
	uint64_t at;
	size_t size;
	unsigned epoch; /* fsyncs before it */
	uint8_t *data;
};

static struct note *notes;
static size_t note_count;
static unsigned epoch;
static int noted = -1; /* the disk's descriptor */

ssize_t pwrite(int fd, const void *data, size_t n, off_t at)
{
	if (fd == noted) {
		struct note *more = realloc(notes, (note_count + 1) * sizeof(*notes));

		if (!more)
			abort();
		notes = more;
		notes[note_count] = (struct note){ (uint64_t)at, n, epoch, malloc(n) };
		memcpy(notes[note_count++].data, data, n);
	}
	return syscall(SYS_pwrite64, fd, data, n, at);
}

int fsync(int fd)
{
	if (fd == noted)
		epoch++;
	return 0; /* it is a file of this test: nobody cuts our own power */
}

static void notes_clear(void)
{
	for (size_t i = 0; i < note_count; i++)
		free(notes[i].data);
	free(notes);
	notes = NULL;
	note_count = 0;
	epoch = 0;
}

/* --- systems ------------------------------------------------------------------------------------------------------ */

static uint8_t kernels[3][KERNEL], roots[3][ROOT];
static struct update updates[3];

static void system_make(int i)
{
	struct update *u = &updates[i];
	uint8_t uuid[16];

	memset(uuid, 0x10 * (i + 1), sizeof(uuid));
	for (size_t k = 0; k < KERNEL; k++)
		kernels[i][k] = (uint8_t)(k * 7 + k / 251 + (size_t)i);
	for (size_t k = 0; k < ROOT; k++)
		roots[i][k] = (uint8_t)(k * 13 + k / 241 + (size_t)i);
	memcpy(roots[i] + EROFS_MAGIC_AT, "\xe2\xe1\xf5\xe0", 4);
	memcpy(roots[i] + EROFS_UUID_AT, uuid, 16);
	strcpy(u->arch, "amd64");
	uuid_format(uuid, u->uuid);
	u->kernel.size = KERNEL;
	u->root.size = ROOT;
	sha256_hex(kernels[i], KERNEL, u->kernel.sha256);
	sha256_hex(roots[i], ROOT, u->root.sha256);
}

/* The update as a file that nobody can seek in: it comes over a socket in life. */
static int update_file(int i, size_t length, bool pipe_it)
{
	uint8_t header[UPDATE_HEADER];
	char name[] = "/tmp/test_update_file.XXXXXX";
	int fd = mkstemp(name), fds[2];
	pid_t pid;

	unlink(name);
	update_format(&updates[i], header);
	if (io_write(fd, header, sizeof(header)) < 0 || io_write(fd, kernels[i], KERNEL) < 0 ||
	    io_write(fd, roots[i], ROOT) < 0 || (length && ftruncate(fd, (off_t)length) < 0) ||
	    lseek(fd, 0, SEEK_SET) < 0)
		abort();
	if (!pipe_it)
		return fd;
	if (pipe(fds) < 0)
		abort();
	pid = fork();
	if (pid == 0) {
		static uint8_t all[UPDATE_HEADER + KERNEL + ROOT];
		ssize_t n = io_read(fd, all, sizeof(all));

		close(fds[0]);
		io_write(fds[1], all, (size_t)n);
		_exit(0);
	}
	close(fd);
	close(fds[1]);
	return fds[0];
}

/* System 0 runs in slot a, and is good; 1 is in slot b. */
static int disk_make(void)
{
	char path[] = "/tmp/test_update.XXXXXX";
	int fd = mkstemp(path);
	const char *const make[] = { "mkfs.vfat", "-F", "32", "-s", "1", path, "36864", NULL };
	const char *const dirs[] = { "mmd", "-i", path, "::/EFI", "::/EFI/Linux", NULL };
	struct extent esp = { .fd = fd, .size = ESP };
	struct boot b;

	if (fd < 0 || ftruncate(fd, ESP) < 0 || tool_run((char *const *)make, NULL, NULL) != 0 ||
	    tool_run((char *const *)dirs, NULL, NULL) != 0 || ftruncate(fd, DISK) < 0)
		return -1;
	unlink(path);
	for (int i = 0; i < SLOTS; i++) {
		struct entry e = { .generation = 2u - (unsigned)i, .slot = i, .good = true };
		uint32_t first, at;

		if (boot_open(&b, &esp, NULL) < 0 || fat_chain_take(&b.fat, KERNEL, &first, NULL) < 0)
			return -1;
		at = first;
		if (fat_chain_write(&b.fat, &at, kernels[i], KERNEL, NULL) < 0 ||
		    boot_add(&b, &e, first, KERNEL, NULL) < 0 || pwrite(fd, roots[i], ROOT, ESP + i * SLOT) != ROOT)
			return -1;
		boot_close(&b);
	}
	return fd;
}

static struct slots disk_slots(int fd)
{
	return (struct slots){ .esp = { .fd = fd, .size = ESP },
			       .slot = { { .fd = fd, .offset = ESP, .size = SLOT },
					 { .fd = fd, .offset = ESP + SLOT, .size = SLOT } },
			       .running = -1 };
}

/* --- what the boot loader and the kernel would do -------------------------------------------------------------------
 */

static bool kernel_is(struct fat *f, const struct fat_entry *e, int i)
{
	_cleanup_free_ uint8_t *cluster = malloc(fat_cluster_size(f));
	uint32_t at = e->first;

	if (e->size != KERNEL)
		return false;
	for (size_t done = 0; done < KERNEL;) {
		size_t n = KERNEL - done < fat_cluster_size(f) ? KERNEL - done : fat_cluster_size(f);

		if (fat_chain_read(f, &at, cluster, NULL) < 0 || memcmp(cluster, kernels[i] + done, n) != 0)
			return false;
		done += n;
	}
	return true;
}

/* The kernel finds the root by its UUID, which the system's number stands for here. */
static bool root_is(int fd, int i)
{
	for (int s = 0; s < SLOTS; s++) {
		static uint8_t bytes[ROOT];

		if (io_pread(fd, bytes, ROOT, ESP + s * SLOT) == ROOT && memcmp(bytes, roots[i], ROOT) == 0)
			return true;
	}
	return false;
}

/* Which system the disk starts, -1: none that is whole. *slot: its slot by the entry's name. */
static int disk_starts(int fd, int *slot)
{
	struct extent esp = { .fd = fd, .size = ESP };
	_cleanup_boot_ struct boot b = { 0 };

	if (boot_open(&b, &esp, NULL) < 0 || b.count == 0)
		return -1;
	*slot = b.entries[0].entry.slot;
	for (int i = 0; i < 3; i++)
		if (kernel_is(&b.fat, &b.entries[0].file, i))
			return root_is(fd, i) ? i : -1;
	return -1;
}

/* --- power cuts ------------------------------------------------------------------------------------------------------
 */

static uint32_t random_state = 1;

static uint32_t random_next(void)
{
	random_state = random_state * 1664525 + 1013904223;
	return random_state >> 8;
}

/* Sectors of a write, some of which reached the disk. */
static void note_tear(int fd, const struct note *n)
{
	for (size_t at = 0; at < n->size; at += 512)
		if (random_next() & 1)
			syscall(SYS_pwrite64, fd, n->data + at, n->size - at < 512 ? n->size - at : 512, n->at + at);
}

/* The disk as it is when the power goes after `count` writes: what was synced is there, the rest perhaps. */
static void cut_apply(int fd, const uint8_t *before, size_t count, unsigned synced)
{
	syscall(SYS_pwrite64, fd, before, DISK, 0);
	for (size_t i = 0; i < count; i++) {
		if (notes[i].epoch < synced)
			syscall(SYS_pwrite64, fd, notes[i].data, notes[i].size, notes[i].at);
		else if (random_next() % 3)
			note_tear(fd, &notes[i]);
	}
}

static uint8_t *disk_copy(int fd)
{
	uint8_t *all = malloc(DISK);

	return all && io_pread(fd, all, DISK, 0) == DISK ? all : NULL;
}

/* `from` starts before, and `to` when all is done; in between one of both, and each can be updated again. */
static void cuts_try(int fd, const uint8_t *before, int from, int to, size_t least, const char *what)
{
	size_t bad = 0, cuts = 0, again = 0;

	noted = -1;
	for (size_t i = 0; i <= note_count; i++) {
		/* synced up to the last fsync before write i, or with i's own */
		unsigned synced = i < note_count ? notes[i].epoch : epoch;

		for (int chance = 0; chance < 4; chance++, cuts++) {
			int slot, starts;

			cut_apply(fd, before, i, synced);
			starts = disk_starts(fd, &slot);
			if (starts != from && starts != to)
				bad++;
			if (i < note_count && starts == to && to != from && notes[note_count - 1].epoch > synced)
				bad++; /* it starts before all of it is synced */
		}
		if (i % 7 == 0) {
			struct slots s = disk_slots(fd);
			bool changed;
			int slot, input = update_file(2, 0, false), starts = disk_starts(fd, &slot);

			if (starts != 2 &&
			    (update_good(&s, &changed, NULL) < 0 || update_install(&s, input, "again", NULL) < 0 ||
			     disk_starts(fd, &slot) != 2))
				again++;
			close(input);
		}
	}
	ok(cuts >= least && bad == 0, "%s: %zu power cuts, %zu of them bad", what, cuts, bad);
	ok(again == 0, "%s: and the disk takes an update afterwards", what);
}

static void test_cuts(void)
{
	_cleanup_error_ struct error err = { 0 };
	_cleanup_close_ int fd = disk_make();
	_cleanup_free_ uint8_t *before = NULL;
	struct slots s = disk_slots(fd);
	int slot, input = update_file(2, 0, true);
	bool changed;

	ok(fd >= 0 && disk_starts(fd, &slot) == 0 && slot == 0, "the disk starts slot a");
	before = disk_copy(fd);
	noted = fd;
	ok(update_install(&s, input, "update", &err) == 0, "an update: %s", error_text(&err));
	close(input);
	ok(disk_starts(fd, &slot) == 2 && slot == 1, "is started next, from slot b");
	cuts_try(fd, before, 0, 2, 40, "update");
	notes_clear();

	cut_apply(fd, before, 0, 0);
	input = update_file(2, 0, false);
	update_install(&s, input, "update", NULL);
	close(input);
	free(before);
	before = disk_copy(fd);
	noted = fd;
	ok(update_good(&s, &changed, &err) == 0 && changed && note_count == 1, "to be good is one write: %s",
	   error_text(&err));
	cuts_try(fd, before, 2, 2, 8, "good");
	notes_clear();

	cut_apply(fd, before, 0, 0);
	noted = fd;
	ok(update_rollback(&s, &err) == 0 && disk_starts(fd, &slot) == 0 && note_count == 1,
	   "back to the other one is one write: %s", error_text(&err));
	cuts_try(fd, before, 2, 0, 8, "rollback");
	notes_clear();
}

/* --- what is refused ------------------------------------------------------------------------------------------------
 */

static void refused(int fd, const char *what, int input, int code, const char *says)
{
	_cleanup_error_ struct error err = { 0 };
	_cleanup_free_ uint8_t *before = disk_copy(fd), *after = NULL;
	struct slots s = disk_slots(fd);
	int r = update_install(&s, input, "FILE", &err);

	after = disk_copy(fd);
	close(input);
	ok(r < 0 && err.code == code && strstr(error_text(&err), says) && memcmp(before, after, DISK) == 0,
	   "%s is refused, and nothing is written: %s", what, error_text(&err));
}

static void test_refused(void)
{
	_cleanup_close_ int fd = disk_make();
	_cleanup_error_ struct error err = { 0 };
	struct slots s = disk_slots(fd);
	struct update saved = updates[2];
	int slot, input;

	refused(fd, "a file that is cut off", update_file(2, 50000, false), EBADMSG, "its header tells of");
	refused(fd, "a file without a header", update_file(2, 100, false), EPIPE, "this is no update");
	refused(fd, "the system that runs", update_file(0, 0, false), EEXIST, "runs already");
	updates[2].root.sha256[0] ^= 1;
	refused(fd, "a wrong digest", update_file(2, 0, false), EBADMSG, "its root is damaged");
	updates[2] = saved;
	updates[2].kernel.size = UINT64_C(40) << 20;
	refused(fd, "too large a kernel", update_file(2, 0, true), EFBIG, "the EFI system partition has room for");
	updates[2] = saved;
	updates[2].root.size = 2 * SLOT;
	refused(fd, "too large a root", update_file(2, 0, true), EFBIG, "a slot of this disk 1024");
	updates[2] = saved;
	input = update_file(2, UPDATE_HEADER + KERNEL + 5000, true);
	ok(update_install(&s, input, "the update", &err) < 0 && err.code == EPIPE && disk_starts(fd, &slot) == 0,
	   "a peer that vanishes: the running system is untouched: %s", error_text(&err));
	close(input);
	error_clear(&err);
	input = update_file(2, 0, false);
	ok(update_install(&s, input, "the update", &err) == 0 && disk_starts(fd, &slot) == 2, "and may come again: %s",
	   error_text(&err));
	close(input);
	refused(fd, "an update over the only good system", update_file(1, 0, false), EAGAIN,
		"not known to be good yet");
}

/* The tables of one that was cut off are on the disk, and its name is not. */
static void test_left(void)
{
	_cleanup_error_ struct error err = { 0 };
	_cleanup_close_ int fd = disk_make();
	struct extent esp = { .fd = fd, .size = ESP };
	struct slots s = disk_slots(fd);
	int slot, input = update_file(2, 0, true);
	struct boot b;
	uint32_t first;

	ok(boot_open(&b, &esp, NULL) == 0 && boot_remove(&b, 1, NULL) == 0 &&
		   fat_chain_take(&b.fat, fat_bytes_free(&b.fat), &first, NULL) == 0 &&
		   fat_table_write(&b.fat, NULL) == 0 && fat_bytes_free(&b.fat) == 0,
	   "a file system that is full of what an update has left");
	boot_close(&b);
	ok(update_install(&s, input, "the update", &err) == 0 && disk_starts(fd, &slot) == 2,
	   "has room for the next one: %s", error_text(&err));
	close(input);
}

/* --- names, headers -------------------------------------------------------------------------------------------------
 */

static void test_names(void)
{
	static const struct {
		const char *name, *back;
	} rows[] = {
		{ "pith-1-a.efi", "pith-1-a.efi" },
		{ "PITH-12-B+3.EFI", "pith-12-b+3.efi" },
		{ "pith-12-b+2-1.efi", "pith-12-b+2-1.efi" },
		{ "pith-12-b+0-3.efi", "pith-12-b+0-3.efi" },
		{ "pith-12-c.efi", NULL },
		{ "pith-12-a.efi.bak", NULL },
		{ "pith-9999999999-a.efi", NULL },
		{ "pith--a.efi", NULL },
		{ "pith-1-a+.efi", NULL },
		{ "pith-1-a+3-.efi", NULL },
		{ "linuxkit.efi", NULL },
		{ "", NULL },
	};
	static const char *const order[] = { "pith-9-b+1-2.efi", "pith-3-b.efi", "pith-2-a+3.efi", "pith-1-a.efi",
					     "pith-20-a+0-3.efi" };
	struct entry a, b;

	for (size_t i = 0; i < array_len(rows); i++) {
		char name[FAT_NAME] = "";
		bool r = entry_parse(rows[i].name, &a);

		if (r)
			entry_name(&a, name);
		ok_str(r ? name : NULL, rows[i].back, rows[i].name);
	}
	for (size_t i = 0; i + 1 < array_len(order); i++)
		ok(entry_parse(order[i], &a) && entry_parse(order[i + 1], &b) && entry_compare(&a, &b) > 0,
		   "%s is started rather than %s", order[i], order[i + 1]);
}

static void test_headers(void)
{
	static const struct {
		const char *from, *to, *says;
	} rows[] = {
		{ "pith update 1", "pith update 2", "of a later pith" },
		{ "pith update 1", "pith-update 1", "this is no update" },
		{ "arch amd64", "arch ", "line \"arch\"" },
		{ "uuid 10", "uuid 1x", "line \"uuid\"" },
		{ "kernel 3", "kernel -", "line \"kernel\"" },
		{ "root 163840", "root 163841", "line \"root\"" },
	};
	uint8_t header[UPDATE_HEADER];
	struct update u;

	update_format(&updates[0], header);
	ok(update_parse(header, &u, NULL) == 0 && memcmp(&u, &updates[0], sizeof(u)) == 0,
	   "a header is read as written");
	for (size_t i = 0; i < array_len(rows); i++) {
		_cleanup_error_ struct error err = { 0 };
		char *text = (char *)header, *at;
		int r;

		update_format(&updates[0], header);
		at = strstr(text, rows[i].from);
		if (strlen(rows[i].to) < strlen(rows[i].from))
			memmove(at + strlen(rows[i].to), at + strlen(rows[i].from),
				strlen(at + strlen(rows[i].from)) + 1);
		memcpy(at, rows[i].to, strlen(rows[i].to));
		r = update_parse(header, &u, &err);
		ok(r < 0 && strstr(error_text(&err), rows[i].says), "%s: %s", rows[i].to, error_text(&err));
	}
}

int main(void)
{
	log_setup("test", LOG_LEVEL_ERROR, false);
	for (int i = 0; i < 3; i++)
		system_make(i);
	test_names();
	test_headers();
	test_refused();
	test_left();
	test_cuts();
	return tap_done();
}
