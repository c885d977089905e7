/* /dev beyond what devtmpfs has: standard links, and the file systems that are mounted below it. */
#include <errno.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "log.h"
#include "mounts.h"
#include "rc.h"

/* Those without which programs of any kind fail, should a kernel's devtmpfs lack one. */
static const struct {
	const char *path;
	mode_t mode;
	unsigned major, minor;
} nodes[] = {
	{ "/dev/console", 0600, 5, 1 }, { "/dev/tty1", 0620, 4, 1 },   { "/dev/tty", 0666, 5, 0 },
	{ "/dev/null", 0666, 1, 3 },    { "/dev/kmsg", 0660, 1, 11 },  { "/dev/zero", 0666, 1, 5 },
	{ "/dev/full", 0666, 1, 7 },    { "/dev/random", 0666, 1, 8 }, { "/dev/urandom", 0666, 1, 9 },
	{ "/dev/ptmx", 0666, 5, 2 },
};

static const struct {
	const char *path, *target;
} links[] = {
	{ "/dev/fd", "/proc/self/fd" },       { "/dev/stdin", "/proc/self/fd/0" }, { "/dev/stdout", "/proc/self/fd/1" },
	{ "/dev/stderr", "/proc/self/fd/2" }, { "/dev/kcore", "/proc/kcore" },
};

static const struct {
	const char *path;
	mode_t mode;
} directories[] = {
	{ "/dev/mqueue", 01777 },
	{ "/dev/shm", 01777 },
	{ "/dev/pts", 0755 },
};

static const struct mount_row rows[] = {
	{ "mqueue", "/dev/mqueue", "mqueue", MS_NOEXEC | MS_NOSUID | MS_NODEV, NULL, MOUNT_OPTIONAL },
	{ "shm", "/dev/shm", "tmpfs", MS_NOEXEC | MS_NOSUID | MS_NODEV, "mode=1777,size=20%", MOUNT_NEEDED },
	{ "devpts", "/dev/pts", "devpts", MS_NOEXEC | MS_NOSUID, "gid=5,mode=0620", MOUNT_NEEDED },
};

int rc_devices(struct rc *rc, struct error *err)
{
	_cleanup_error_ struct error e = { 0 };
	int r = 0;

	(void)rc;
	for (size_t i = 0; i < array_len(nodes); i++)
		if (mknod(nodes[i].path, S_IFCHR | nodes[i].mode, makedev(nodes[i].major, nodes[i].minor)) == 0)
			chmod(nodes[i].path, nodes[i].mode); /* the umask's part; the node alone is what matters */
		else if (errno != EEXIST)
			log_warn("make device %s: %s", nodes[i].path, strerror(errno));
	for (size_t i = 0; i < array_len(links); i++)
		if (symlink(links[i].target, links[i].path) < 0 && errno != EEXIST)
			log_warn("make link %s: %s", links[i].path, strerror(errno));
	for (size_t i = 0; i < array_len(directories); i++)
		if ((mkdir(directories[i].path, 0755) < 0 && errno != EEXIST) ||
		    chmod(directories[i].path, directories[i].mode) < 0)
			log_warn("make directory %s: %s", directories[i].path, strerror(errno));
	for (size_t i = 0; i < array_len(rows); i++)
		if (mount_row_apply(&rows[i], &e) < 0) {
			log_error("%s", error_text(&e));
			r = -1;
		}
	return r < 0 ? error_move(err, &e) : 0;
}
