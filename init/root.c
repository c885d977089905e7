#include "root.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <linux/magic.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>

#include "cleanup.h"
#include "say.h"
#include "slot.h"

/* musl declares neither these calls nor the kernel's directory entries. */
static int sys_open_tree(int dirfd, const char *path, unsigned flags)
{
	return (int)syscall(SYS_open_tree, dirfd, path, flags);
}

static int sys_move_mount(int from, const char *from_path, int to, const char *to_path, unsigned flags)
{
	return (int)syscall(SYS_move_mount, from, from_path, to, to_path, flags);
}

/* umount2(2)'s flag: <sys/mount.h> does not go with <linux/mount.h>. */
enum { UMOUNT_DETACH = 2 };

static int sys_fsconfig(int fs, unsigned command, const char *key, const char *value)
{
	return (int)syscall(SYS_fsconfig, fs, command, key, value, 0);
}

struct entry {
	uint64_t inode;
	int64_t offset;
	unsigned short length;
	unsigned char type;
	char name[];
};

/* --- early modules --------------------------------------------------------------------------------- */

enum { EARLY_MAX = 64, EARLY_NAME = 64 };

/* File names of a directory, sorted. */
static size_t names_read(int dir, char names[EARLY_MAX][EARLY_NAME])
{
	char bytes[4096] __attribute__((aligned(8)));
	size_t count = 0;
	long n;

	while ((n = syscall(SYS_getdents64, dir, bytes, sizeof(bytes))) > 0) {
		for (long at = 0; at < n;) {
			struct entry *e = (struct entry *)(bytes + at);
			size_t place = count, length = strlen(e->name);

			at += e->length;
			if (e->name[0] == '.')
				continue;
			if (count == EARLY_MAX || length >= EARLY_NAME) {
				say("/early/", e->name, ": too many modules, or too long a name");
				continue;
			}
			for (; place > 0 && strcmp(names[place - 1], e->name) > 0; place--)
				strcpy(names[place], names[place - 1]);
			memcpy(names[place], e->name, length + 1);
			count++;
		}
	}
	return count;
}

static void module_load(int dir, const char *name)
{
	_cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	const char *dot = strrchr(name, '.');
	unsigned flags = dot && strcmp(dot, ".ko") != 0 ? MODULE_INIT_COMPRESSED_FILE : 0;

	if (fd < 0 || (syscall(SYS_finit_module, fd, "", flags) < 0 && errno != EEXIST))
		say("cannot load module /early/", name, ": ", strerror(errno));
}

static void modules_load(void)
{
	_cleanup_close_ int dir = open("/early", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char names[EARLY_MAX][EARLY_NAME];
	size_t count;

	if (dir < 0)
		return; /* a kernel with everything built in */
	count = names_read(dir, names);
	for (size_t i = 0; i < count; i++)
		module_load(dir, names[i]);
}

/* --- the image --------------------------------------------------------------------------------------- */

/* A detached mount of `source`, as a descriptor; -1 with errno. It is read-only; `flag` "ro" says that of the file
 * system itself too, NULL leaves that as it is. */
static int detached_mount(const char *type, const char *source, const char *flag)
{
	_cleanup_close_ int fs = (int)syscall(SYS_fsopen, type, FSOPEN_CLOEXEC);

	if (fs < 0 || sys_fsconfig(fs, FSCONFIG_SET_STRING, "source", source) < 0 ||
	    (flag && sys_fsconfig(fs, FSCONFIG_SET_FLAG, flag, NULL) < 0) ||
	    sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL) < 0)
		return -1;
	return (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY);
}

/* Puts the image behind a loop device that goes away with its mount. The descriptor keeps the device until then. */
static int loop_attach(const char *image, char device[NUMBER_SIZE + 16])
{
	_cleanup_close_ int file = open(image, O_RDONLY | O_CLOEXEC), control = -1, loop = -1;
	struct loop_config config = { .info.lo_flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR };
	char digits[NUMBER_SIZE];
	int n;

	control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	if (file < 0 || control < 0)
		return -1;
	config.fd = (unsigned)file;
	strncpy((char *)config.info.lo_file_name, image, LO_NAME_SIZE - 1);
	n = ioctl(control, LOOP_CTL_GET_FREE);
	if (n < 0)
		return -1;
	strcpy(device, "/dev/loop");
	strcat(device, number(digits, (uint64_t)n));
	loop = open(device, O_RDONLY | O_CLOEXEC);
	if (loop < 0 || ioctl(loop, LOOP_CONFIGURE, &config) < 0)
		return -1;
	return steal_fd(&loop);
}

/* The nodes of devices are needed under their names while the mount is made: devtmpfs is on /dev that long. */
static int dev_begin(void)
{
	_cleanup_close_ int dev = detached_mount("devtmpfs", "dev", NULL);

	if (dev < 0 || (mkdir("/dev", 0755) < 0 && errno != EEXIST))
		return -1;
	return sys_move_mount(dev, "", AT_FDCWD, "/dev", MOVE_MOUNT_F_EMPTY_PATH);
}

/* errno stays. */
static void dev_end(void)
{
	int saved = errno;

	if (syscall(SYS_umount2, "/dev", UMOUNT_DETACH) < 0)
		say("cannot unmount the initramfs's /dev: ", strerror(errno));
	errno = saved;
}

static int image_mount_loop(const char *type, const char *image)
{
	_cleanup_close_ int loop = -1;
	char device[NUMBER_SIZE + 16];
	int mount = -1;

	if (dev_begin() < 0)
		return -1;
	loop = loop_attach(image, device);
	if (loop >= 0)
		mount = detached_mount(type, device, "ro");
	dev_end();
	return mount;
}

/* The root is in a slot of a disk. */
static int slot_mount(void)
{
	char device[SLOT_DEVICE];
	int mount = -1;

	if (dev_begin() < 0)
		return -1;
	if (slot_find(SLOT_FILE, device) == 0)
		mount = detached_mount("erofs", device, "ro");
	dev_end();
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

static const char *const *root_failed(const char *what, const char *on)
{
	static const char *reason[6];

	reason[0] = "cannot ";
	reason[1] = what;
	reason[2] = on;
	reason[3] = ": ";
	reason[4] = strerror(errno);
	return reason;
}

/* Puts a detached mount over / and steps into it. */
static const char *const *root_switch(int mount)
{
	if (sys_move_mount(mount, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0 || fchdir(mount) < 0 ||
	    chroot(".") < 0)
		return root_failed("switch to the new root", "");
	return NULL;
}

static const char *const *root_image(const char *type, const char *image)
{
	_cleanup_close_ int old = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC), mount = -1;
	const char *const *reason;

	modules_load();
	if (image) {
		/* Without the copy that a loop device makes in its own page cache, where kernel and initramfs can do
		 * that. */
		mount = detached_mount(type, image, "ro");
		if (mount < 0)
			mount = image_mount_loop(type, image);
	} else {
		mount = slot_mount();
	}
	if (mount < 0)
		return root_failed("mount ", image ? image : "the root that " SLOT_FILE " names");
	reason = root_switch(mount);
	if (reason)
		return reason;
	/* The image's own file lives on as long as it is mounted, without a name too. */
	if (old >= 0)
		tree_free(old, 8);
	return NULL;
}

static const char *const *root_over_itself(void)
{
	_cleanup_close_ int mount = sys_open_tree(AT_FDCWD, "/", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	if (mount < 0)
		return root_failed("bind ", "the initramfs");
	return root_switch(mount);
}

const char *const *root_enter(bool *slot)
{
	struct statfs fs;

	if (statfs("/", &fs) < 0 || (fs.f_type != RAMFS_MAGIC && fs.f_type != TMPFS_MAGIC))
		return NULL;
	*slot = access(SLOT_FILE, F_OK) == 0;
	if (*slot)
		return root_image("erofs", NULL);
	if (access("/rootfs.erofs", F_OK) == 0)
		return root_image("erofs", "/rootfs.erofs");
	if (access("/rootfs.squashfs", F_OK) == 0)
		return root_image("squashfs", "/rootfs.squashfs");
	return root_over_itself();
}
