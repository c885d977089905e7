#include "namespace.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/vfs.h>

#include "io.h"

const char *const ns_names[NS_COUNT] = {
	[NS_CGROUP] = "cgroup", [NS_IPC] = "ipc",   [NS_MNT] = "mnt", [NS_NET] = "net",
	[NS_PID] = "pid",       [NS_USER] = "user", [NS_UTS] = "uts",
};

static int parent_make(const char *path, struct error *err)
{
	_cleanup_free_ char *dir = strdup(path);
	char *slash;

	if (!dir)
		return error_set(err, ENOMEM, "%s", path);
	slash = strrchr(dir, '/');
	if (!slash || slash == dir)
		return 0;
	*slash = '\0';
	return dir_make(dir, 0755, err);
}

void ns_unbind(const char *path)
{
	struct statfs st;

	/* A mount namespace lies on a private mount of the file itself, which goes too. */
	while (statfs(path, &st) == 0 && st.f_type == NSFS_MAGIC && umount2(path, MNT_DETACH) == 0)
		umount2(path, MNT_DETACH);
}

int ns_bind(pid_t pid, enum ns_kind kind, const char *path, struct error *err)
{
	_cleanup_close_ int fd = -1;
	char from[64];

	ns_unbind(path);
	if (parent_make(path, err) < 0)
		return error_wrap(err, "bind %s namespace", ns_names[kind]);
	fd = open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0444);
	if (fd < 0)
		return error_set(err, errno, "bind %s namespace to %s", ns_names[kind], path);
	/* The kernel refuses a mount namespace on a mount that propagates: a private one of its own goes between. */
	if (kind == NS_MNT &&
	    (mount(path, path, NULL, MS_BIND, NULL) < 0 || mount(NULL, path, NULL, MS_PRIVATE, NULL) < 0))
		return error_set(err, errno, "bind %s namespace to %s: private mount", ns_names[kind], path);
	snprintf(from, sizeof(from), "/proc/%d/ns/%s", (int)pid, ns_names[kind]);
	if (mount(from, path, NULL, MS_BIND, NULL) < 0) {
		error_set(err, errno, "bind %s namespace to %s", ns_names[kind], path);
		if (kind == NS_MNT)
			umount2(path, MNT_DETACH);
		return -1;
	}
	return 0;
}
