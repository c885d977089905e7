#include "disk.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "disk_header.h"
#include "disk_notes.h"
#include "io.h"
#include "outfile.h"
#include "qemu_img.h"
#include "str.h"

#define GIB (UINT64_C(1) << 30)

/* Files below each other that an image may have. */
enum { CHAIN_MAX = 32 };
enum { SECTOR = 512 };

const char *const disk_buses[] = { [DISK_AUTO] = "auto",
				   [DISK_VIRTIO] = "virtio",
				   [DISK_SATA] = "sata",
				   [DISK_SCSI] = "scsi",
				   [DISK_NVME] = "nvme",
				   [DISK_USB] = "usb",
				   NULL };

void disk_clear(struct disk *d)
{
	free(d->path);
	free(d->format);
	free(d->id);
	free(d->note);
	*d = (struct disk){ 0 };
}

static int field_set(char **field, const char *value, struct error *err)
{
	free(*field);
	*field = strdup(value);
	return *field ? 0 : error_set(err, ENOMEM, "--disk");
}

static int set_bus(struct disk *d, const char *text, const char *value, struct error *err)
{
	for (int i = DISK_VIRTIO; disk_buses[i]; i++) {
		if (str_eq(disk_buses[i], value)) {
			d->bus = (enum disk_bus)i;
			return 0;
		}
	}
	return error_set(err, 0, "--disk %s: bus \"%s\" is unknown: virtio, sata, scsi, nvme or usb", text, value);
}

static int set_key(struct disk *d, const char *text, const char *key, const char *value, struct error *err)
{
	if (str_eq(key, "file"))
		return field_set(&d->path, value, err);
	if (str_eq(key, "format"))
		return field_set(&d->format, value, err);
	if (str_eq(key, "size")) {
		/* qcow2 and file systems end long before that; it keeps sums from overflowing. */
		if (str_to_size(value, GIB, &d->size) < 0 || d->size == 0 || d->size > UINT64_C(1) << 60)
			return error_set(err, 0, "--disk %s: size \"%s\" is not a size: write it like 512M or 4G", text,
					 value);
		return 0;
	}
	if (str_eq(key, "bus"))
		return set_bus(d, text, value, err);
	return error_set(err, 0, "--disk %s: \"%s\" is unknown: file, size, format and bus are known", text, key);
}

int disk_parse(const char *text, struct disk *out, struct error *err)
{
	_cleanup_strv_ char **parts = strv_split(text, ",");
	size_t i;

	*out = (struct disk){ 0 };
	if (!parts)
		return error_set(err, ENOMEM, "--disk");
	for (i = 0; parts[i]; i++) {
		char *value = strchr(parts[i], '=');
		int r;

		if (value)
			*value++ = '\0';
		r = value ? set_key(out, text, parts[i], value, err) : field_set(&out->path, parts[i], err);
		if (r < 0)
			return -1;
	}
	if (!out->path && !out->size)
		return error_set(err, 0, "--disk %s: neither file nor size: write it like file=data.img,size=1G", text);
	return 0;
}

/* --- formats --------------------------------------------------------------------------------------------------- */

/* A VHD of fixed size is the disk as it is, with what says so behind it. Only the file's name has that looked at: the
 * last sector of a raw disk is the guest's. */
static bool is_fixed_vhd(int fd, const char *path)
{
	uint8_t last[DISK_FOOTER];
	struct stat st;

	return str_ends(path, ".vhd") && fstat(fd, &st) == 0 && st.st_size >= DISK_FOOTER &&
		io_pread(fd, last, sizeof(last), st.st_size - DISK_FOOTER) == DISK_FOOTER &&
		disk_footer_is_fixed_vhd(last);
}

static int header_read(int fd, const char *path, struct disk_header *out, struct error *err)
{
	_cleanup_free_ uint8_t *head = malloc(DISK_HEAD);
	ssize_t n = head ? io_pread(fd, head, DISK_HEAD, 0) : -1;

	if (n < 0)
		return error_set(err, errno, "disk %s", path);
	disk_header_parse(head, (size_t)n, out);
	if (!out->format && is_fixed_vhd(fd, path))
		out->format = "vpc";
	return 0;
}

/* A name of QEMU's own, such as nbd://host or json:{...}: nothing that can be looked at here. */
static bool has_protocol(const char *name)
{
	return name[strcspn(name, ":/")] == ':';
}

/* Relative names are below the folder of the image that has them. */
static char *backing_path(const char *image, const char *backing)
{
	const char *slash = strrchr(image, '/');

	return backing[0] == '/' || !slash ? strdup(backing)
					   : str_format("%.*s/%s", (int)(slash - image), image, backing);
}

/* Each file below a qcow2 image has to be given its format by the one above it: QEMU would look at the first bytes of
 * one that has none, which a guest may have written when the file was its raw disk. */
static int chain_check(const char *path, struct disk_header *h, struct error *err)
{
	_cleanup_free_ char *at = strdup(path);
	int depth;

	for (depth = 0; at && depth < CHAIN_MAX; depth++) {
		_cleanup_close_ int fd = -1;
		char *below;

		if (!h->backing[0])
			return 0;
		if (!h->backing_format[0])
			return error_set(
				err, 0,
				"disk %s: its header names %s below it without a format: `qemu-img rebase -u -F "
				"FORMAT -b %s %s` says which",
				at, h->backing, h->backing, at);
		if (!str_eq(h->backing_format, "qcow2") || has_protocol(h->backing))
			return 0;
		below = backing_path(at, h->backing);
		free(at);
		at = below;
		fd = at ? open(at, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
		if (at && fd < 0)
			return error_set(err, errno, "disk %s: %s below it", path, at);
		if (at && header_read(fd, at, h, err) < 0)
			return -1;
	}
	return at ? error_set(err, 0, "disk %s: more than %d files below each other", path, CHAIN_MAX)
		  : error_set(err, ENOMEM, "disk %s", path);
}

/* Nobody said: only the user's word counts, and the name that he gave the file is one. */
static const char *format_guess(const char *path, const char *option, const struct disk_header *h, struct error *err)
{
	const char *named = disk_name_format(path);

	if (!h->format)
		return "raw";
	if (named && str_eq(named, h->format) && !h->names_files)
		return named;
	error_set(err, 0,
		  "disk %s looks like %s%s%s%s: say %s%s or %sraw (a guest can have written that into a raw disk)",
		  path, h->format, h->backing[0] ? " over the file \"" : "", h->backing, h->backing[0] ? "\"" : "",
		  option, h->format, option);
	return NULL;
}

/* What the user says of a disk that a guest had as a raw one is believed, but not that the guest's header may name
 * files of the host. */
static const char *told_format(const char *path, const char *told, const char *noted, const struct disk_header *h,
			       struct error *err)
{
	if (str_eq(told, "raw") || !noted || !str_eq(noted, "raw") || !h->names_files)
		return told;
	error_set(err, 0,
		  "disk %s was a raw disk until now: its header, which names %s%s, may be its guest's: it is not "
		  "opened as "
		  "%s (a copy of it would be)",
		  path, h->backing[0] ? h->backing : "another file", h->data_file ? " for its content" : "", told);
	return NULL;
}

static int format_decide(int fd, const struct stat *st, const char *path, const struct disk_wish *wish,
			 struct disk_format *out, struct error *err)
{
	_cleanup_free_ char *noted = NULL;
	struct disk_header h;
	const char *format;

	out->id = disk_notes_id(fd, st);
	noted = out->id ? disk_notes_find(wish->notes, out->id) : NULL;
	if (!out->id || (!noted && errno))
		return error_set(err, ENOMEM, "disk %s", path);
	if (header_read(fd, path, &h, err) < 0)
		return -1;
	format = wish->format ? told_format(path, wish->format, noted, &h, err)
		: noted       ? noted
			      : format_guess(path, wish->option, &h, err);
	if (!format)
		return -1;
	if (str_eq(format, "qcow2") && h.format && str_eq(h.format, "qcow2") && chain_check(path, &h, err) < 0)
		return -1;
	out->size = str_eq(format, "qcow2")                     ? h.size
		: str_eq(format, "raw") && S_ISREG(st->st_mode) ? (uint64_t)st->st_size
								: 0;
	out->name = strdup(format);
	return out->name ? 0 : error_set(err, ENOMEM, "disk %s", path);
}

/* fd -1 with ENOENT is the caller's to deal with. */
static int disk_open(const char *path, struct stat *st, struct error *err)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0 || fstat(fd, st) < 0)
		return error_set(err, errno, "disk %s", path);
	if (S_ISDIR(st->st_mode))
		return error_set(err, EISDIR, "disk %s", path);
	if (!S_ISREG(st->st_mode) && !S_ISBLK(st->st_mode))
		return error_set(err, 0, "disk %s: this is neither a file nor a block device", path);
	return steal_fd(&fd);
}

int disk_format(const char *path, const struct disk_wish *wish, struct disk_format *out, struct error *err)
{
	struct stat st;
	_cleanup_close_ int fd = disk_open(path, &st, err);

	*out = (struct disk_format){ 0 };
	return fd < 0 ? -1 : format_decide(fd, &st, path, wish, out, err);
}

void disk_format_clear(struct disk_format *f)
{
	free(f->name);
	free(f->id);
	*f = (struct disk_format){ 0 };
}

/* --- files ----------------------------------------------------------------------------------------------------- */

/* Nobody else's to read, whoever writes it then. */
static int make_empty(const char *path, uint64_t size, struct error *err)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return error_set(err, errno, "create disk %s", path);
	if (ftruncate(fd, (off_t)size) == 0)
		return 0;
	error_set(err, errno, "create disk %s", path);
	unlink(path);
	return -1;
}

static int make_other(const char *path, const char *format, uint64_t size, struct error *err)
{
	if (make_empty(path, 0, err) < 0)
		return -1;
	if (qemu_img_create(path, format, size, err) == 0)
		return 0;
	unlink(path);
	return -1;
}

static int disk_make(struct disk *d, struct error *err)
{
	_cleanup_free_ char *path = outfile_target(d->path, err);

	if (!path)
		return -1;
	if (!d->size)
		return error_set(err, 0,
				 "disk %s does not exist: add a size to create it, as in --disk file=%s,size=1G",
				 d->path, d->path);
	if (!d->format && field_set(&d->format, d->raw ? "raw" : "qcow2", err) < 0)
		return -1;
	if (str_eq(d->format, "raw") ? make_empty(path, d->size, err) < 0
				     : make_other(path, d->format, d->size, err) < 0)
		return -1;
	d->made = true;
	return 0;
}

static int own_path(struct disk *d, const struct state *state, unsigned index, struct error *err)
{
	const char *end = d->raw ? "raw" : "img";
	_cleanup_free_ char *name = index ? str_format("disk%u.%s", index, end) : str_format("disk.%s", end);

	if (!name)
		return error_set(err, ENOMEM, "disk");
	d->path = state_path(state, name, err);
	return d->path ? state_adopt(state, name, err) : -1;
}

/* Sizes are whole sectors. */
static uint64_t sectors_round(uint64_t size)
{
	return (size + SECTOR - 1) / SECTOR * SECTOR;
}

/* The file was there, and the user says how large it is to be. */
static int disk_grow(struct disk *d, uint64_t now, struct error *err)
{
	if (!d->size || d->made || sectors_round(d->size) == sectors_round(now))
		return 0;
	if (now && d->size > now)
		return qemu_img_resize(d->path, d->format, d->size, err);
	d->note = now
		? str_format("disk %s is larger than size=: it stays as it is, since a disk never shrinks", d->path)
		: str_format("disk %s keeps its size: only raw and qcow2 files grow", d->path);
	return d->note ? 0 : error_set(err, ENOMEM, "disk %s", d->path);
}

int disk_prepare(struct disk *d, const struct state *state, unsigned index, const char *notes, struct error *err)
{
	_cleanup_error_ struct error why = { 0 };
	struct disk_wish wish = { .option = "format=", .notes = notes };
	struct disk_format f;

	if (!d->path && own_path(d, state, index, err) < 0)
		return -1;
	wish.format = d->format;
	if (disk_format(d->path, &wish, &f, &why) < 0 && why.code == ENOENT && access(d->path, F_OK) < 0) {
		disk_format_clear(&f);
		error_clear(&why);
		if (disk_make(d, err) < 0)
			return -1;
		wish.format = d->format;
		disk_format(d->path, &wish, &f, &why);
	}
	if (why.msg || why.code) {
		disk_format_clear(&f);
		return error_move(err, &why);
	}
	free(d->format);
	d->format = f.name;
	d->id = f.id;
	return disk_grow(d, f.size, err);
}

void disk_undo(const struct disk *d)
{
	if (d->made)
		unlink(d->path); /* best effort: the machine never ran on it */
}
