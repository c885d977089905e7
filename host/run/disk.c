#include "disk.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "io.h"
#include "spawn.h"
#include "str.h"

#define GIB (UINT64_C(1) << 30)

void disk_clear(struct disk *d)
{
	free(d->path);
	free(d->format);
	*d = (struct disk){ 0 };
}

static int set(char **field, const char *value, struct error *err)
{
	free(*field);
	*field = strdup(value);
	return *field ? 0 : error_set(err, ENOMEM, "--disk");
}

static int set_key(struct disk *d, const char *text, const char *key, const char *value, struct error *err)
{
	if (str_eq(key, "file"))
		return set(&d->path, value, err);
	if (str_eq(key, "format"))
		return set(&d->format, value, err);
	if (str_eq(key, "size")) {
		/* qcow2 and file systems end long before that; it keeps sums from overflowing. */
		if (str_to_size(value, GIB, &d->size) < 0 || d->size == 0 || d->size > UINT64_C(1) << 60)
			return error_set(err, 0, "--disk %s: size \"%s\" is not a size: write it like 512M or 4G", text,
					 value);
		return 0;
	}
	if (str_eq(key, "bus")) {
		d->sata = str_eq(value, "sata");
		return d->sata || str_eq(value, "virtio")
			? 0
			: error_set(err, 0, "--disk %s: bus \"%s\" is unknown: virtio or sata", text, value);
	}
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
		r = value ? set_key(out, text, parts[i], value, err) : set(&out->path, parts[i], err);
		if (r < 0)
			return -1;
	}
	if (!out->path && !out->size)
		return error_set(err, 0, "--disk %s: neither file nor size: write it like file=data.img,size=1G", text);
	return 0;
}

static int format_of(int fd, const char *path, char **format, struct error *err)
{
	static const struct {
		const char *magic, *format;
	} known[] = { { "QFI\xfb", "qcow2" }, { "KDMV", "vmdk" }, { "vhdxfile", "vhdx" }, { "conectix", "vpc" } };
	char head[8] = { 0 };
	size_t i;

	if (io_pread(fd, head, sizeof(head), 0) < 0)
		return error_set(err, errno, "disk %s", path);
	for (i = 0; i < array_len(known); i++)
		if (memcmp(head, known[i].magic, strlen(known[i].magic)) == 0)
			return set(format, known[i].format, err);
	return set(format, "raw", err);
}

int disk_format(const char *path, char **format, struct error *err)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	return fd < 0 ? error_set(err, errno, "disk %s", path) : format_of(fd, path, format, err);
}

static int make_raw(const char *path, uint64_t size, struct error *err)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

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
	_cleanup_free_ char *bytes = str_format("%llu", (unsigned long long)size);
	_cleanup_(buf_free) struct buf output = { 0 };
	char *argv[] = { (char *)"qemu-img", (char *)"create", (char *)"-q", (char *)"-f",
			 (char *)format,     (char *)path,     bytes,        NULL };
	int status;

	if (!bytes)
		return error_set(err, ENOMEM, "create disk %s", path);
	status = spawn_wait(&(struct spawn){ .path = "qemu-img", .argv = argv }, &output, 4096, 0, err);
	if (status == 0)
		return 0;
	unlink(path);
	if (status < 0 && err && err->code == ENOENT)
		return error_set(err, 0,
				 "create disk %s: qemu-img is not installed: apt-get install qemu-utils, or use "
				 "format=raw",
				 path);
	if (status < 0)
		return error_wrap(err, "create disk %s", path);
	return error_set(err, 0, "create disk %s: %.*s", path, (int)strcspn(buf_text(&output), "\n"),
			 buf_text(&output));
}

int disk_prepare(struct disk *d, const char *state, unsigned index, struct error *err)
{
	_cleanup_close_ int fd = -1;
	struct stat st;

	if (!d->path) {
		d->path = index ? str_format("%s/disk%u.img", state, index) : str_format("%s/disk.img", state);
		if (!d->path)
			return error_set(err, ENOMEM, "disk");
	}
	fd = open(d->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd >= 0) {
		if (fstat(fd, &st) < 0)
			return error_set(err, errno, "disk %s", d->path);
		if (S_ISDIR(st.st_mode))
			return error_set(err, EISDIR, "disk %s", d->path);
		return d->format ? 0 : format_of(fd, d->path, &d->format, err);
	}
	if (errno != ENOENT)
		return error_set(err, errno, "disk %s", d->path);
	if (!d->size)
		return error_set(err, 0,
				 "disk %s does not exist: add a size to create it, as in --disk file=%s,size=1G",
				 d->path, d->path);
	if (!d->format && set(&d->format, "qcow2", err) < 0)
		return -1;
	if (str_eq(d->format, "raw") ? make_raw(d->path, d->size, err) < 0
				     : make_other(d->path, d->format, d->size, err) < 0)
		return -1;
	d->made = true;
	return 0;
}

void disk_undo(const struct disk *d)
{
	if (d->made)
		unlink(d->path); /* best effort: the machine never ran on it */
}
