#include "boot.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "boot_file.h"
#include "io.h"
#include "kernel_arch.h"
#include "kernel_file.h"
#include "str.h"

/* The kernel's own limit is 2 to 4 KiB, depending on the architecture. */
#define CMDLINE_MAX_BYTES 8192

static const struct {
	enum boot_kind kind;
	const char *suffix;
} roots[] = {
	{ BOOT_KERNEL, "-initrd.img" },
	{ BOOT_SQUASHFS, "-squashfs.img" },
	{ BOOT_EROFS, "-erofs.img" },
};

void boot_clear(struct boot *b)
{
	free(b->prefix);
	free(b->kernel);
	free(b->initrd);
	free(b->root);
	free(b->cmdline);
	*b = (struct boot){ 0 };
}

static int image_none(const char *name, struct error *err)
{
	if (str_ends(name, ".yml") || str_ends(name, ".yaml")) {
		int stem = (int)(strrchr(name, '.') - name);

		return error_set(err, 0,
				 "%s is a YAML file, not a machine image: `pith build %s`, then `pith run %.*s`", name,
				 name, stem, name);
	}
	return error_set(err, 0,
			 "no machine image %s: there is neither %s-kernel nor a disk or ISO image of that name; "
			 "`pith build %s.yml` makes one",
			 name, name, name);
}

static bool file_newer(const struct stat *a, const struct stat *b)
{
	if (a->st_mtim.tv_sec != b->st_mtim.tv_sec)
		return a->st_mtim.tv_sec > b->st_mtim.tv_sec;
	return a->st_mtim.tv_nsec > b->st_mtim.tv_nsec;
}

/* The root that belongs to the kernel NAME-kernel. */
static int find_root(const char *name, enum boot_kind wanted, struct boot *out, struct error *err)
{
	struct stat best = { 0 }, st;
	size_t i;

	for (i = 0; i < array_len(roots); i++) {
		_cleanup_free_ char *path = str_format("%s%s", name, roots[i].suffix);

		if (!path)
			return error_set(err, ENOMEM, "%s", name);
		if (wanted != BOOT_ANY && wanted != roots[i].kind)
			continue;
		if (stat(path, &st) < 0) {
			if (wanted == BOOT_ANY && errno == ENOENT)
				continue;
			return error_set(err, errno, "%s", path);
		}
		if (out->root && !file_newer(&st, &best))
			continue;
		best = st;
		out->kind = roots[i].kind;
		free(out->root);
		out->root = steal_ptr(&path);
	}
	if (!out->root)
		return error_set(
			err, 0, "%s-kernel has no root beside it: %s-initrd.img, -squashfs.img or -erofs.img is needed",
			name, name);
	if (out->kind == BOOT_KERNEL) {
		out->initrd = steal_ptr(&out->root);
	}
	return 0;
}

/* A root that is checked has an initrd in front of it, with PID 1, which does that. */
static int find_verity(const char *name, struct boot *out, struct error *err)
{
	out->initrd = str_format("%s-verity.img", name);
	if (!out->initrd)
		return error_set(err, ENOMEM, "%s", name);
	if (access(out->initrd, R_OK) < 0)
		return error_set(err, errno, "%s, by which the root is checked", out->initrd);
	return 0;
}

static int read_cmdline(const char *name, struct boot *out, struct error *err)
{
	_cleanup_free_ char *path = str_format("%s-cmdline", name);
	_cleanup_error_ struct error why = { 0 };
	_cleanup_(buf_free) struct buf text = { 0 };
	const char *root = "";

	if (!path)
		return error_set(err, ENOMEM, "%s", name);
	/* Images of older versions have no file for a command line that is empty. */
	if (file_read(path, CMDLINE_MAX_BYTES, &text, &why) < 0 && why.code != ENOENT)
		return error_move(err, &why);
	if (memchr(buf_bytes(&text), '\0', text.len))
		return error_set(err, 0, "%s: holds a NUL byte", path);
	if (out->root && strstr(buf_text(&text), "pith.verity=")) {
		if (find_verity(name, out, err) < 0)
			return -1;
	} else if (out->root && !strstr(buf_text(&text), "root="))
		root = text.len ? " root=/dev/vda" : "root=/dev/vda";
	out->cmdline = str_format("%.*s%s", (int)strcspn(buf_text(&text), "\n"), buf_text(&text), root);
	return out->cmdline ? 0 : error_set(err, ENOMEM, "%s", path);
}

static int read_arch(struct boot *out, struct error *err)
{
	_cleanup_close_ int fd = open(out->kernel, O_RDONLY | O_CLOEXEC);
	uint8_t head[KERNEL_ARCH_HEAD];
	ssize_t n = fd < 0 ? -1 : io_pread(fd, head, sizeof(head), 0);

	if (n < 0)
		return error_set(err, errno, "%s", out->kernel);
	out->arch = kernel_arch_find(head, (size_t)n);
	return 0;
}

int boot_check(const struct boot *b, struct error *err)
{
	_cleanup_close_ int fd = b->kernel ? open(b->kernel, O_RDONLY | O_CLOEXEC) : -1;
	_cleanup_free_ uint8_t *head = NULL;
	struct stat st;
	ssize_t n;

	if (!b->kernel)
		return 0;
	head = malloc(KERNEL_FILE_HEAD);
	n = fd < 0 || !head || fstat(fd, &st) < 0 ? -1 : io_pread(fd, head, KERNEL_FILE_HEAD, 0);
	if (n < 0)
		return error_set(err, errno, "%s", b->kernel);
	if (kernel_file_check(head, (size_t)n, (uint64_t)st.st_size, err) < 0)
		return error_wrap(err, "%s", b->kernel);
	return 0;
}

static int find_file(const char *name, enum boot_kind wanted, struct boot *out, struct error *err)
{
	bool iso = str_ends(name, ".iso");

	if (boot_file_kind(name, wanted, &out->kind, err) < 0)
		return -1;
	out->root = strdup(name);
	out->prefix = iso ? strndup(name, strlen(name) - 4) : strdup(name);
	return out->root && out->prefix ? 0 : error_set(err, ENOMEM, "%s", name);
}

int boot_find(const char *name, enum boot_kind wanted, struct boot *out, struct error *err)
{
	bool file_kind = wanted == BOOT_ISO || wanted == BOOT_DISK;
	struct stat st;
	int r = stat(name, &st);

	*out = (struct boot){ 0 };
	if ((wanted == BOOT_ANY || file_kind) && r == 0 && (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode))) {
		if (str_ends(name, ".yml") || str_ends(name, ".yaml"))
			return image_none(name, err);
		return find_file(name, wanted, out, err);
	}
	if (file_kind)
		return error_set(err, r < 0 ? errno : EISDIR, "%s", name);
	out->kernel = str_format("%s-kernel", name);
	out->prefix = strdup(name);
	if (!out->kernel || !out->prefix)
		return error_set(err, ENOMEM, "%s", name);
	if (stat(out->kernel, &st) < 0)
		return errno == ENOENT || errno == ENOTDIR ? image_none(name, err)
							   : error_set(err, errno, "%s", out->kernel);
	if (find_root(name, wanted, out, err) < 0 || read_arch(out, err) < 0)
		return -1;
	return read_cmdline(name, out, err);
}
