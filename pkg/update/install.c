#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "boot.h"
#include "io.h"
#include "log.h"
#include "str.h"
#include "update.h"
#include "update_private.h"

/* Read and written at once: whole clusters of any size that FAT has. */
enum { PIECE = 128 << 10 };

struct install {
	struct slots *slots;
	struct boot boot;
	struct update update;
	int input;
	const char *name; /* of the input, for messages */
	uint64_t taken;   /* bytes of the input */
	uint8_t *piece;
	int from, to;                     /* slots */
	uint32_t kernel_at;               /* the cluster that comes next */
	uint8_t root_first[UPDATE_BLOCK]; /* what makes it a root is written when all else is there */
};

/* --- the input ---------------------------------------------------------------------------------------------------- */

static uint64_t input_size(const struct install *in)
{
	return UPDATE_HEADER + in->update.kernel.size + in->update.root.size;
}

static int input_take(struct install *in, uint8_t *to, size_t n, struct error *err)
{
	ssize_t r = io_read(in->input, to, n);

	if (r < 0)
		return error_set(err, errno, "%s", in->name);
	in->taken += (uint64_t)r;
	if ((size_t)r < n)
		return error_say(err, EPIPE, "%s ends after %llu bytes%s", in->name, (unsigned long long)in->taken,
				 in->taken < UPDATE_HEADER ? ": this is no update" : ", before the end that it tells");
	return 0;
}

typedef int piece_fn(struct install *in, uint64_t at, size_t n, struct error *err);

/* A part goes through the piece's memory; its digest is right when it returns 0. */
static int part_take(struct install *in, const struct update_part *part, const char *what, piece_fn *fn,
		     struct error *err)
{
	char hex[SHA256_HEX];
	struct sha256 sum;

	sha256_begin(&sum);
	for (uint64_t at = 0; at < part->size;) {
		size_t n = part->size - at < PIECE ? (size_t)(part->size - at) : PIECE;

		if (input_take(in, in->piece, n, err) < 0)
			return -1;
		sha256_add(&sum, in->piece, n);
		if (fn && fn(in, at, n, err) < 0)
			return -1;
		at += n;
	}
	sha256_end(&sum, hex);
	return str_eq(hex, part->sha256)
		? 0
		: error_say(err, EBADMSG, "%s: its %s is damaged: it does not have the digest that the header tells",
			    in->name, what);
}

/* --- before anything is written ----------------------------------------------------------------------------------- */

static const char *machine_arch(void)
{
	static struct utsname u;

	if (uname(&u) < 0)
		return "unknown";
	return str_eq(u.machine, "x86_64") ? "amd64" : str_eq(u.machine, "aarch64") ? "arm64" : u.machine;
}

static int fits_check(const struct install *in, struct error *err)
{
	const struct update *u = &in->update;
	uint64_t room = fat_bytes_free(&in->boot.fat), slot = in->slots->slot[in->to].size;
	uint64_t cluster = fat_cluster_size(&in->boot.fat);

	for (size_t i = 0; i < in->boot.count; i++)
		if (in->boot.entries[i].entry.slot == in->to)
			room += (in->boot.entries[i].file.size + cluster - 1) / cluster * cluster;
	if (u->kernel.size > room || u->kernel.size > UINT32_MAX)
		return error_say(err, EFBIG,
				 "%s: its kernel has %llu KiB, and the EFI system partition has room for %llu",
				 in->name, (unsigned long long)u->kernel.size / 1024, (unsigned long long)room / 1024);
	if (u->root.size > slot)
		return error_say(err, EFBIG, "%s: its root has %llu KiB, and a slot of this disk %llu", in->name,
				 (unsigned long long)u->root.size / 1024, (unsigned long long)slot / 1024);
	return 0;
}

static int update_check(const struct install *in, struct error *err)
{
	const struct boot_entry *runs = boot_find(&in->boot, in->from);
	uint8_t mine[16], its[16];

	if (in->slots->running >= 0 && !str_eq(in->update.arch, machine_arch()))
		return error_say(err, ENOEXEC, "%s is for %s, and this machine is %s", in->name, in->update.arch,
				 machine_arch());
	if (!runs)
		return error_say(err, ENOENT,
				 "the boot loader has no entry for slot %c, which runs: there would be nothing to fall "
				 "back to",
				 SLOT_NAMES[in->from]);
	if (!runs->entry.good)
		return error_say(err, EAGAIN,
				 "the system in slot %c is not known to be good yet, and what it would fall back to is "
				 "not overwritten before (pith-update good says that it is)",
				 SLOT_NAMES[in->from]);
	if (uuid_parse(in->update.uuid, its) < 0 || slot_uuid(&in->slots->slot[in->from], mine, err) < 0)
		return -1;
	if (memcmp(mine, its, sizeof(mine)) == 0)
		return error_say(err, EEXIST, "%s is the system in slot %c, which runs already", in->name,
				 SLOT_NAMES[in->from]);
	return fits_check(in, err);
}

/* What a file has, from the header on. */
static int file_check(struct install *in, struct error *err)
{
	struct stat st;

	if (fstat(in->input, &st) < 0)
		return error_set(err, errno, "%s", in->name);
	if (!S_ISREG(st.st_mode) || lseek(in->input, 0, SEEK_CUR) != UPDATE_HEADER)
		return 0;
	if ((uint64_t)st.st_size != input_size(in))
		return error_say(err, EBADMSG, "%s has %llu bytes, and its header tells of %llu: it is damaged",
				 in->name, (unsigned long long)st.st_size, (unsigned long long)input_size(in));
	if (part_take(in, &in->update.kernel, "kernel", NULL, err) < 0 ||
	    part_take(in, &in->update.root, "root", NULL, err) < 0)
		return -1;
	in->taken = UPDATE_HEADER;
	return lseek(in->input, UPDATE_HEADER, SEEK_SET) < 0 ? error_set(err, errno, "%s", in->name) : 0;
}

/* --- writing --------------------------------------------------------------------------------------------------------
 */

static int kernel_piece(struct install *in, uint64_t at, size_t n, struct error *err)
{
	(void)at;
	return fat_chain_write(&in->boot.fat, &in->kernel_at, in->piece, n, err);
}

static int slot_write(const struct extent *slot, uint64_t at, const uint8_t *data, size_t n, struct error *err)
{
	while (n > 0) {
		ssize_t r = pwrite(slot->fd, data, n, (off_t)(slot->offset + at));

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return error_set(err, r < 0 ? errno : EIO, "write %s", slot->device);
		data += r;
		at += (uint64_t)r;
		n -= (size_t)r;
	}
	return 0;
}

static int slot_sync(const struct extent *slot, struct error *err)
{
	return fsync(slot->fd) < 0 ? error_set(err, errno, "write %s", slot->device) : 0;
}

static int root_piece(struct install *in, uint64_t at, size_t n, struct error *err)
{
	size_t skip = at == 0 ? UPDATE_BLOCK : 0;

	if (skip)
		memcpy(in->root_first, in->piece, UPDATE_BLOCK);
	return slot_write(&in->slots->slot[in->to], at + skip, in->piece + skip, n - skip, err);
}

static int root_write(struct install *in, struct error *err)
{
	static const uint8_t zeros[UPDATE_BLOCK];
	const struct extent *slot = &in->slots->slot[in->to];
	uint8_t uuid[16];

	if (slot_write(slot, 0, zeros, sizeof(zeros), err) < 0 || slot_sync(slot, err) < 0 ||
	    part_take(in, &in->update.root, "root", root_piece, err) < 0 || slot_sync(slot, err) < 0)
		return -1;
	if (uuid_parse(in->update.uuid, uuid) < 0 || memcmp(in->root_first + EROFS_UUID_AT, uuid, 16) != 0)
		return error_say(err, EBADMSG, "%s: its root is not the one that its header tells of", in->name);
	return slot_write(slot, 0, in->root_first, sizeof(in->root_first), err) < 0 ? -1 : slot_sync(slot, err);
}

static int system_write(struct install *in, struct error *err)
{
	struct entry entry = { .slot = in->to, .left = ENTRY_TRIES, .generation = boot_generation(&in->boot) };
	uint32_t first = 0;
	char name[FAT_NAME];

	if (entry.generation == 0)
		return error_say(err, EOVERFLOW, "the boot loader's entries have no higher number left");
	if (boot_remove(&in->boot, in->to, err) < 0)
		return -1;
	if (fat_chain_take(&in->boot.fat, in->update.kernel.size, &first, err) < 0)
		return error_wrap(err, "the EFI system partition is full");
	in->kernel_at = first;
	if (part_take(in, &in->update.kernel, "kernel", kernel_piece, err) < 0 || root_write(in, err) < 0)
		return -1;
	if (boot_add(&in->boot, &entry, first, (uint32_t)in->update.kernel.size, err) < 0)
		return -1;
	entry_name(&entry, name);
	log_info("installed in slot %c as %s: the next boot starts it, at most %d times until it is good",
		 SLOT_NAMES[in->to], name, ENTRY_TRIES);
	return 0;
}

static int install_run(struct install *in, struct error *err)
{
	uint8_t header[UPDATE_HEADER];
	struct slots *s = in->slots;

	if (extent_open(&s->esp, err) < 0 || extent_open_read(&s->slot[in->from], err) < 0 ||
	    extent_open(&s->slot[in->to], err) < 0 || boot_open(&in->boot, &s->esp, err) < 0)
		return -1;
	if (input_take(in, header, sizeof(header), err) < 0)
		return -1;
	if (update_parse(header, &in->update, err) < 0)
		return error_wrap(err, "%s", in->name);
	/* what an update that was cut off has left is room, too */
	if (fat_lost_free(&in->boot.fat, err) < 0 || update_check(in, err) < 0 || file_check(in, err) < 0)
		return -1;
	return system_write(in, err);
}

/* Of a disk that does not run: the system that would be started. */
static int slot_running(struct slots *s, int *out, struct error *err)
{
	_cleanup_boot_ struct boot b = { 0 };

	*out = s->running;
	if (s->running >= 0)
		return 0;
	if (extent_open(&s->esp, err) < 0 || boot_open(&b, &s->esp, err) < 0)
		return -1;
	*out = b.count ? b.entries[0].entry.slot : 0;
	return 0;
}

int update_install(struct slots *s, int input, const char *name, struct error *err)
{
	struct install in = { .slots = s, .input = input, .name = name };
	int r = slot_running(s, &in.from, err);

	if (r < 0)
		return -1;
	in.to = !in.from;
	in.piece = malloc(PIECE);
	if (!in.piece)
		return error_set(err, ENOMEM, "update");
	r = install_run(&in, err);
	boot_close(&in.boot);
	free(in.piece);
	return r;
}
