#include "root.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cleanup.h"
#include "dirent_private.h"
#include "early.h"
#include "image.h"
#include "reason.h"
#include "slot.h"
#include "verified.h"

/* musl declares neither of these calls. */
static int sys_open_tree(int dirfd, const char *path, unsigned flags)
{
	return (int)syscall(SYS_open_tree, dirfd, path, flags);
}

static int sys_move_mount(int from, const char *from_path, int to, const char *to_path, unsigned flags)
{
	return (int)syscall(SYS_move_mount, from, from_path, to, to_path, flags);
}

/* The loop device's node is needed under its name while the mount is made: devtmpfs is on /dev that long. */
static int image_mount_loop(const char *type, const char *image)
{
	_cleanup_close_ int loop = -1;
	char device[DEVICE_PATH];
	int mount = -1;

	if (!devices_enter())
		return -1;
	loop = loop_attach(image, device);
	if (loop >= 0)
		mount = detached_mount(type, device, "ro");
	devices_leave();
	return mount;
}

/* The root is in a slot of a disk. */
static int slot_mount(void)
{
	char device[SLOT_DEVICE];
	int mount = -1;

	if (!devices_enter())
		return -1;
	if (slot_find(SLOT_FILE, device) == 0)
		mount = detached_mount("erofs", device, "ro");
	devices_leave();
	return mount;
}

/* --- switching ----------------------------------------------------------------------------------------- */

/* Removes what is below a directory, and no other file system's. Fixed depth: each level's bytes are on the stack. */
static void tree_free(int dir, unsigned depth)
{
	char bytes[1024] __attribute__((aligned(8)));
	long n;

	while ((n = syscall(SYS_getdents64, dir, bytes, sizeof(bytes))) > 0) {
		for (long at = 0; at < n;) {
			struct entry *e = (struct entry *)(bytes + at);

			at += e->length;
			if (strcmp(e->name, ".") == 0 || strcmp(e->name, "..") == 0)
				continue;
			if (unlinkat(dir, e->name, 0) == 0)
				continue;
			if (errno == EISDIR && depth > 0) {
				_cleanup_close_ int sub =
					openat(dir, e->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

				if (sub >= 0)
					tree_free(sub, depth - 1);
			}
			unlinkat(dir, e->name, AT_REMOVEDIR); /* what is busy stays: it costs memory, nothing else */
		}
	}
}

/* Puts a detached mount over / and steps into it. */
static const char *const *root_switch(int mount)
{
	if (sys_move_mount(mount, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0 || fchdir(mount) < 0 ||
	    chroot(".") < 0)
		return reason_errno("switch to ", "the new root");
	return NULL;
}

/* Over the initramfs, of which nothing is left then. */
static const char *const *root_replace(int mount)
{
	_cleanup_close_ int old = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const char *const *why = root_switch(mount);

	/* The image's own file lives on as long as it is mounted, without a name too. */
	if (!why && old >= 0)
		tree_free(old, 8);
	return why;
}

static const char *const *root_image(const char *type, const char *image)
{
	_cleanup_close_ int mount = -1;

	/* Without the copy that a loop device makes in its own page cache, where kernel and initramfs can do that. */
	mount = detached_mount(type, image, "ro");
	if (mount < 0)
		mount = image_mount_loop(type, image);
	if (mount < 0)
		return reason_errno("mount ", image);
	return root_replace(mount);
}

static const char *const *root_slot(void)
{
	_cleanup_close_ int mount = slot_mount();

	return mount < 0 ? reason_errno("mount ", "the root that " SLOT_FILE " names") : root_replace(mount);
}

static const char *const *root_verified(const struct verity *v, const char *type, const char *image)
{
	_cleanup_close_ int mount = -1;
	const char *const *why = verified_mount(v, type, image, &mount);

	return why ? why : root_replace(mount);
}

static const char *const *root_over_itself(void)
{
	_cleanup_close_ int mount = sys_open_tree(AT_FDCWD, "/", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	if (mount < 0)
		return reason_errno("bind ", "the initramfs");
	return root_switch(mount);
}

static const struct {
	const char *type, *image;
} images[] = { { "erofs", "/rootfs.erofs" }, { "squashfs", "/rootfs.squashfs" }, { NULL, NULL } };

static bool in_initramfs(void)
{
	struct statfs fs;

	return statfs("/", &fs) == 0 && (fs.f_type == RAMFS_MAGIC || fs.f_type == TMPFS_MAGIC);
}

const char *const *root_enter(bool machine, bool *checked, bool *slot)
{
	enum verified wanted;
	struct verity v;
	size_t i = 0;

	wanted = machine ? verified_wanted(&v) : VERIFIED_NOT;
	*checked = wanted != VERIFIED_NOT;
	if (wanted == VERIFIED_WRONG)
		return reason(VERITY_WORD "= on the kernel's command line is not what `pith build --verity` writes");
	if (!in_initramfs())
		return *checked ? reason("the kernel has mounted the root itself, so that nothing of it was "
					 "checked: " VERITY_WORD "= is for the initrd that was built with it")
				: NULL;
	*slot = access(SLOT_FILE, F_OK) == 0;
	while (images[i].image && access(images[i].image, F_OK) < 0)
		i++;
	if (wanted == VERIFIED_NOT && !images[i].image && !*slot)
		return root_over_itself();
	early_modules_load();
	if (wanted == VERIFIED_NOT && *slot)
		return root_slot();
	if (wanted == VERIFIED_NOT)
		return root_image(images[i].type, images[i].image);
	return root_verified(&v, images[i].type, images[i].image);
}
