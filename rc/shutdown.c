/* rc.shutdown: brings a machine down in order. PID 1 has started it, keeps nothing alive any more, and makes the
 * kernel call when it ends.
 *
 *   1. programs that PID 1 keeps (services among them), the last asked for first: TERM, KILL after their grace period
 *   2. /etc/shutdown.d in the order of names (onshutdown containers)
 *   3. every process that is left: TERM, KILL after 5 s
 *   4. sync; file systems that hold data are unmounted, or made read-only; network ones are detached */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>

#include "initctl.h"
#include "io.h"
#include "log.h"
#include "mountinfo.h"
#include "procs.h"
#include "rc.h"
#include "str.h"

enum {
	GRACE_US = 5 * 1000 * 1000,
	KILL_US = 2 * 1000 * 1000,
	SECOND_US = 1000 * 1000,
	MOUNTINFO_MAX = 16 << 20,
};

/* --- what PID 1 keeps ------------------------------------------------------------------------------------ */

static void program_end(const char *name, pid_t pid, uint64_t grace)
{
	if (kill(pid, SIGTERM) < 0 || proc_wait(pid, grace * SECOND_US) == 0)
		return;
	log_warn("%s does not end within %llu s: killing it", name, (unsigned long long)grace);
	kill(pid, SIGKILL);
	proc_wait(pid, KILL_US);
}

/* Lines "NAME PID GRACE". False: PID 1 is not ours. */
static bool programs_end(void)
{
	_cleanup_error_ struct error err = { 0 };
	_cleanup_buf_ struct buf list = { 0 };
	_cleanup_strv_ char **lines = NULL;

	if (initctl_request((char *[]){ (char *)"list", NULL }, &list, &err) < 0) {
		log_debug("%s", error_text(&err));
		return false;
	}
	lines = strv_split(buf_text(&list), "\n");
	for (size_t i = strv_len(lines); i-- > 0;) {
		_cleanup_strv_ char **words = strv_split(lines[i], " ");
		uint64_t pid, grace;

		if (strv_len(words) == 3 && str_to_u64(words[1], INT32_MAX, &pid) == 0 && pid > 1 &&
		    str_to_u64(words[2], 99999, &grace) == 0)
			program_end(words[0], (pid_t)pid, grace);
	}
	return true;
}

/* --- everybody else ----------------------------------------------------------------------------------------- */

static void say_killed(const struct process_stat *p)
{
	log_warn("%s (process %d) does not end: killing it", p->name, (int)p->pid);
}

static void say_left(const struct process_stat *p)
{
	log_warn("%s (process %d) cannot be killed, state %c", p->name, (int)p->pid, p->state);
}

static void processes_end(void)
{
	if (procs_end(SIGTERM, GRACE_US, say_killed) > 0)
		procs_end(SIGKILL, KILL_US, say_left);
}

/* --- file systems --------------------------------------------------------------------------------------------- */

static bool is_among(const char *type, const char *const *types)
{
	for (; *types; types++)
		if (str_eq(type, *types))
			return true;
	return false;
}

static void mount_end(const struct mountinfo *m)
{
	static const char *const data[] = { "ext2", "ext3",    "ext4",    "btrfs", "xfs",     "f2fs",
					    "vfat", "msdos",   "exfat",   "ntfs3", "hfsplus", "bcachefs",
					    "zfs",  "fuseblk", "overlay", NULL };
	static const char *const network[] = { "nfs", "nfs4", "cifs", "smb3", "ceph", "afs", "9p", "virtiofs", NULL };

	if (is_among(m->type, network)) {
		/* Nobody waits for a server that may be gone. */
		if (umount2(m->target, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
			log_warn("detach %s: %s", m->target, strerror(errno));
		return;
	}
	if (!is_among(m->type, data) || str_eq(m->target, "/"))
		return;
	if (umount2(m->target, UMOUNT_NOFOLLOW) == 0 || errno == EINVAL || errno == ENOENT)
		return; /* done, or gone together with another one */
	if (mount(NULL, m->target, NULL, MS_REMOUNT | MS_RDONLY, NULL) < 0)
		log_warn("%s on %s cannot be unmounted: %s", m->type, m->target, strerror(errno));
}

/* The latest first: a mount below another one is always later. */
static void mounts_end(void)
{
	_cleanup_error_ struct error err = { 0 };
	_cleanup_buf_ struct buf text = { 0 };
	_cleanup_strv_ char **lines = NULL;
	struct mountinfo m;

	if (file_read("/proc/self/mountinfo", MOUNTINFO_MAX, &text, &err) < 0) {
		log_error("%s", error_text(&err));
		return;
	}
	lines = strv_split(buf_text(&text), "\n");
	for (size_t i = strv_len(lines); i-- > 0;)
		if (mountinfo_parse(lines[i], &m) == 0)
			mount_end(&m);
}

/* --- the whole --------------------------------------------------------------------------------------------------- */

void rc_stop_all(void)
{
	rc_run_directory("rc", "/etc/shutdown.d");
	processes_end();
}

int rc_shutdown(const char *action)
{
	bool ours = programs_end();

	rc_stop_all();
	if (rc_is_machine()) {
		sync();
		mounts_end();
		sync(); /* what was made read-only only */
	}
	/* busybox's init calls us for its ctrl-alt-del and expects the machine to go down; otherwise with "noop". */
	if (!ours && str_eq(action, "poweroff"))
		reboot(RB_POWER_OFF);
	if (!ours && str_eq(action, "reboot"))
		reboot(RB_AUTOBOOT);
	return 0;
}
