/* The file systems of a running machine. docs/boot.md has the same table, and a boot test compares the two. */
#include <errno.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>

#include "io.h"
#include "log.h"
#include "mounts.h"
#include "rc.h"
#include "str.h"

enum {
	STRICT = MS_NOSUID | MS_NODEV | MS_NOEXEC,
};

/* In this order. The first is /proc, which what follows needs to look around. */
static const struct mount_row rows[] = {
	{ "proc", "/proc", "proc", STRICT | MS_RELATIME, NULL, MOUNT_NEEDED },
	{ "tmpfs", "/run", "tmpfs", STRICT | MS_RELATIME, "size=10%,mode=755", MOUNT_NEEDED },
	{ "tmpfs", "/tmp", "tmpfs", STRICT | MS_RELATIME, "size=10%,mode=1777", MOUNT_NEEDED },
	{ "tmpfs", "/var", "tmpfs", STRICT | MS_RELATIME, "size=50%,mode=755", MOUNT_NEEDED },
	{ "dev", "/dev", "devtmpfs", MS_NOSUID | MS_NOEXEC | MS_RELATIME, "size=10m,nr_inodes=248418,mode=755",
	  MOUNT_NEEDED },
	{ "sysfs", "/sys", "sysfs", STRICT, NULL, MOUNT_NEEDED },
	/* kernels are built without some of these */
	{ "securityfs", "/sys/kernel/security", "securityfs", STRICT, NULL, MOUNT_OPTIONAL },
	{ "debugfs", "/sys/kernel/debug", "debugfs", STRICT, NULL, MOUNT_OPTIONAL },
	{ "configfs", "/sys/kernel/config", "configfs", STRICT, NULL, MOUNT_OPTIONAL },
	{ "fusectl", "/sys/fs/fuse/connections", "fusectl", STRICT, NULL, MOUNT_OPTIONAL },
	{ "selinuxfs", "/sys/fs/selinux", "selinuxfs", MS_NOSUID | MS_NOEXEC, NULL, MOUNT_OPTIONAL },
	{ "pstore", "/sys/fs/pstore", "pstore", STRICT, NULL, MOUNT_OPTIONAL },
	{ "bpffs", "/sys/fs/bpf", "bpf", MS_NODEV, NULL, MOUNT_OPTIONAL },
	{ "efivarfs", "/sys/firmware/efi/efivars", "efivarfs", STRICT, NULL, MOUNT_OPTIONAL },
	{ "binfmt_misc", "/proc/sys/fs/binfmt_misc", "binfmt_misc", STRICT, NULL, MOUNT_OPTIONAL },
};

static const struct mount_row private_dev = {
	"dev", "/dev", "tmpfs", MS_NOSUID | MS_NOEXEC | MS_RELATIME, "size=10m,mode=755", MOUNT_NEEDED,
};

/* The directories that programs expect of a fresh /var. */
static const struct {
	const char *path;
	mode_t mode;
} var_directories[] = {
	{ "/var/cache", 0755 }, { "/var/empty", 0555 }, { "/var/lib", 0755 },
	{ "/var/local", 0755 }, { "/var/lock", 0755 },  { "/var/log", 0755 },
	{ "/var/opt", 0755 },   { "/var/spool", 0755 }, { "/var/tmp", 01777 },
};

int mount_row_apply(const struct mount_row *row, struct error *err)
{
	if (mount(row->source, row->target, row->type, row->flags, row->data) == 0)
		return 0;
	/* The kernel may have mounted its devtmpfs itself: then it gets our options. */
	if (errno == EBUSY && mount(NULL, row->target, NULL, MS_REMOUNT | row->flags, row->data) == 0)
		return 0;
	if (row->need == MOUNT_OPTIONAL)
		return 0;
	return error_set(err, errno, "mount %s on %s", row->type, row->target);
}

/* An image made by others may lack a directory; as long as the root can be written that is mended. */
static void mount_points_make(void)
{
	struct statvfs fs;

	if (statvfs("/", &fs) < 0 || (fs.f_flag & ST_RDONLY))
		return;
	for (size_t i = 0; i < array_len(rows); i++)
		if (!strchr(rows[i].target + 1, '/') && mkdir(rows[i].target, 0755) < 0 && errno != EEXIST)
			log_warn("make directory %s: %s", rows[i].target, strerror(errno));
}

static int root_seal(struct error *err)
{
	struct statvfs fs;

	/* The whole file system, but not if it may be that of a container's host. */
	if ((rc_is_machine() && mount(NULL, "/", NULL, MS_REMOUNT | MS_RDONLY, NULL) == 0) ||
	    mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) == 0)
		return 0;
	if (statvfs("/", &fs) == 0 && (fs.f_flag & ST_RDONLY))
		return 0;
	return error_set(err, errno, "remount / read-only");
}

static void var_fill(void)
{
	/* modes are exact, whatever the umask */
	for (size_t i = 0; i < array_len(var_directories); i++)
		if (mkdir(var_directories[i].path, 0755) < 0 ||
		    chmod(var_directories[i].path, var_directories[i].mode) < 0)
			log_warn("make directory %s: %s", var_directories[i].path, strerror(errno));
	if (symlink("/run", "/var/run") < 0)
		log_warn("make link /var/run: %s", strerror(errno));
}

int rc_mounts(struct rc *rc, struct error *err)
{
	_cleanup_error_ struct error e = { 0 };
	int r = 0;

	(void)rc;
	mount_points_make();
	for (size_t i = 0; i < array_len(rows); i++) {
		const struct mount_row *row = &rows[i];

		/* devtmpfs is the same everywhere: outside of a machine it would be the host's devices */
		if (str_eq(row->type, "devtmpfs") && !rc_is_machine())
			row = &private_dev;
		if (mount_row_apply(row, &e) < 0) {
			log_error("%s", error_text(&e));
			r = -1;
		}
		if (i == 0 && root_seal(&e) < 0)
			log_warn("%s", error_text(&e));
	}
	var_fill();
	/* as what PID 1 keeps alive; what is started from here has a score of its own (initd.c) */
	if (rc_is_machine())
		file_poke("/proc/self/oom_score_adj", "-999", NULL);
	/* containers' mounts of shared directories are seen by the host and each other */
	if (mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL) < 0)
		log_warn("make / shared: %s", strerror(errno));
	return r < 0 ? error_move(err, &e) : 0;
}
