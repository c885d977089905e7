#include "idmap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io.h"
#include "process.h"

/* From <sys/mount.h>, which cannot be included beside the kernel's own header. */
#define PROPAGATION_PRIVATE (1 << 18)

/* --- mappings ------------------------------------------------------------------------------------------------------
 */

static int number_take(const char **at, uint32_t *out)
{
	uint64_t n = 0;
	const char *from = *at;

	for (; **at >= '0' && **at <= '9' && n <= UINT32_MAX; (*at)++)
		n = n * 10 + (uint64_t)(**at - '0');
	*out = (uint32_t)n;
	return *at > from && n <= UINT32_MAX ? 0 : -1;
}

/* "a:b:c" at *at, which must begin with it. */
static int range_take(const char **at, uint32_t range[3])
{
	for (int i = 0; i < 3; i++) {
		if (i > 0 && *(*at)++ != ':')
			return -1;
		if (number_take(at, &range[i]) < 0)
			return -1;
	}
	/* The highest number means nobody. */
	return range[2] > 0 && range[0] <= UINT32_MAX - range[2] && range[1] <= UINT32_MAX - range[2] ? 0 : -1;
}

int idmap_format(const char *mapping, struct buf *out, struct error *err)
{
	const char *at = mapping;

	for (int count = 0;; at++) {
		uint32_t range[3];

		if (range_take(&at, range) < 0 || ++count > IDMAP_RANGES || (*at && *at != ','))
			return error_say(err, EINVAL, "\"%.64s\" is no mapping INSIDE:OUTSIDE:COUNT,...", mapping);
		if (buf_addf(out, "%u %u %u\n", range[0], range[1], range[2]) < 0)
			return error_set(err, ENOMEM, "mapping");
		if (!*at)
			return 0;
	}
}

/* --- the namespace -------------------------------------------------------------------------------------------------
 */

static int map_write(pid_t pid, const char *file, const char *mapping, struct error *err)
{
	_cleanup_buf_ struct buf text = { 0 };
	char path[64];

	if (idmap_format(mapping, &text, err) < 0)
		return -1;
	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	return file_poke(path, buf_text(&text), err);
}

static int namespace_of(pid_t pid, const char *uids, const char *gids, struct error *err)
{
	char path[64];
	int fd;

	if (map_write(pid, "uid_map", uids, err) < 0 || map_write(pid, "gid_map", gids, err) < 0)
		return -1;
	snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? error_set(err, errno, "user namespace") : fd;
}

int idmap_namespace(const char *uids, const char *gids, struct error *err)
{
	struct clone_args args = { .flags = CLONE_NEWUSER, .exit_signal = SIGCHLD };
	_cleanup_close_ int hold = -1, held = -1;
	int ends[2], fd;
	pid_t pid;
	char c;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_set(err, errno, "pipe");
	held = ends[0];
	hold = ends[1];
	/* Only a process can have a namespace that is to be made: one that lives until we have a descriptor of it. */
	pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0) {
		close(hold);
		_exit(read(held, &c, 1) != 0);
	}
	if (pid < 0)
		return error_set(err, errno, "user namespace");
	fd = namespace_of(pid, uids, gids, err);
	close(hold);
	hold = -1;
	(void)child_reap(pid);
	return fd;
}

/* --- mounts --------------------------------------------------------------------------------------------------------
 */

int idmap_clone(const char *path, int namespace, unsigned flags, struct error *err)
{
	struct mount_attr attr = {
		.attr_set = MOUNT_ATTR_IDMAP | (flags & IDMAP_READ_ONLY ? MOUNT_ATTR_RDONLY : 0),
		.propagation = PROPAGATION_PRIVATE,
		.userns_fd = (uint64_t) namespace,
	};
	unsigned all = flags & IDMAP_RECURSIVE ? AT_RECURSIVE : 0;
	int tree = (int)syscall(SYS_open_tree, AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | all);

	if (tree < 0)
		return error_set(err, errno, "copy the mount of %s", path);
	if (syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH | all, &attr, sizeof(attr)) < 0) {
		error_set(err, errno, "map the owners of %s (can its file system do that?)", path);
		close(tree);
		return -1;
	}
	return tree;
}

int idmap_attach(int tree, const char *target, struct error *err)
{
	if (syscall(SYS_move_mount, tree, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return error_set(err, errno, "mount on %s", target);
	return 0;
}
