#include "namespace.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/vfs.h>

#include "beneath.h"

const char *const ns_names[NS_COUNT] = {
	[NS_CGROUP] = "cgroup", [NS_IPC] = "ipc",   [NS_MNT] = "mnt", [NS_NET] = "net",
	[NS_PID] = "pid",       [NS_USER] = "user", [NS_UTS] = "uts",
};

/* The way by which names below a directory's descriptor are given to mount(2): its last component is looked up anew, so
 * that what was mounted there meanwhile is found. */
enum { BELOW = BENEATH_FD_PATH_MAX + NAME_MAX + 1 };

static const char *path_below(char out[BELOW], int dir, const char *name)
{
	char base[BENEATH_FD_PATH_MAX];

	snprintf(out, BELOW, "%s/%s", beneath_fd_path(base, dir), name);
	return out;
}

static bool is_namespace(int dir, const char *name)
{
	_cleanup_close_ int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct statfs st;

	return fd >= 0 && fstatfs(fd, &st) == 0 && st.f_type == NSFS_MAGIC;
}

static void namespace_unbind(int dir, const char *name)
{
	char path[BELOW];

	/* A mount namespace lies on a private mount of the file itself, which goes too. */
	while (is_namespace(dir, name) && umount2(path_below(path, dir, name), MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
		umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW);
}

void ns_unbind(const char *path)
{
	char name[NAME_MAX + 1];
	_cleanup_close_ int dir = beneath_machine_parent(path, 0, name, NULL);

	if (dir >= 0)
		namespace_unbind(dir, name);
}

/* The file to mount on: a container that can write the directory may have made anything of its name. */
static int file_open(int dir, const char *name, struct error *err)
{
	const struct beneath_want want = beneath_file(geteuid());

	return beneath_open(dir, name, O_RDONLY | O_CREAT | O_NOFOLLOW, 0444, &want, err);
}

/* The kernel refuses a mount namespace on a mount that propagates: a private one of its own goes between. Returns its
 * descriptor instead of the file's. */
static int private_mount(int dir, const char *name, int *file)
{
	char from[BENEATH_FD_PATH_MAX], path[BELOW];
	int fd;

	beneath_fd_path(from, *file);
	if (mount(from, from, NULL, MS_BIND, NULL) < 0)
		return -1;
	fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0 && mount(NULL, beneath_fd_path(from, fd), NULL, MS_PRIVATE, NULL) == 0) {
		close(*file);
		*file = fd;
		return 0;
	}
	cleanup_close(&fd);
	umount2(path_below(path, dir, name), MNT_DETACH | UMOUNT_NOFOLLOW);
	return -1;
}

int ns_bind(pid_t pid, enum ns_kind kind, const char *path, struct error *err)
{
	char from[64], to[BENEATH_FD_PATH_MAX], again[BELOW], name[NAME_MAX + 1];
	_cleanup_close_ int dir = beneath_machine_parent(path, 0755, name, err), file = -1;

	if (dir < 0)
		return error_wrap(err, "bind %s namespace", ns_names[kind]);
	namespace_unbind(dir, name);
	file = file_open(dir, name, err);
	if (file < 0)
		return error_wrap(err, "bind %s namespace to %s", ns_names[kind], path);
	if (kind == NS_MNT && private_mount(dir, name, &file) < 0)
		return error_set(err, errno, "bind %s namespace to %s: private mount", ns_names[kind], path);
	snprintf(from, sizeof(from), "/proc/%d/ns/%s", (int)pid, ns_names[kind]);
	if (mount(from, beneath_fd_path(to, file), NULL, MS_BIND, NULL) < 0) {
		error_set(err, errno, "bind %s namespace to %s", ns_names[kind], path);
		if (kind == NS_MNT)
			umount2(path_below(again, dir, name), MNT_DETACH | UMOUNT_NOFOLLOW);
		return -1;
	}
	return 0;
}
