/* The box: what a package's build may do to the machine that builds it, which is nothing.
 *
 * buildah's chroot isolation alone would leave the host's devices, processes and files to a RUN that is root, and a way
 * out of its root directory (CAP_SYS_CHROOT, which package managers need). So all of buildah runs in namespaces:
 *
 * - of users: root of the build is a user of the host that owns nothing, and so are all its other users. Left to it
 *   outside is what everybody may read;
 * - of processes, with a /proc of its own: none of the host's is seen or killed, and none outlives the build. It has a
 *   session of its own, and so no terminal;
 * - of mounts: a /dev with harmless devices only; /root, /home, /tmp and /var/tmp are empty, and /run is where there is
 *   no network;
 * - of IPC, and of a network that has nothing but its loopback, unless the package asks for the network: then the
 *   host's.
 *
 * Its environment has neither the user's home nor his logins. All that it writes is in one folder, which is given to
 * the users of the box and removed afterwards. It is reached by its path, so it lies where everybody may pass. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "builder_private.h"
#include "io.h"
#include "spawn.h"
#include "str.h"

/* Between the numbers that distributions give to people and containers, and those that the kernel keeps:
 * https://systemd.io/UIDS-GIDS/ calls them unused. */
#define BOX_FIRST "1900000000"
enum { BOX_COUNT = 65536 };

/* $1: the folder; the rest is run. */
static const char box_script[] =
	"set -e\n"
	"t=$1; shift\n"
	"mount -t proc -o nosuid,nodev,noexec proc /proc\n"
	"mkdir \"$t/dev\"\n"
	"mount -t tmpfs -o mode=755,nosuid,noexec dev \"$t/dev\"\n"
	"for n in null zero full random urandom tty; do\n"
	"	: >\"$t/dev/$n\"\n"
	"	mount --bind \"/dev/$n\" \"$t/dev/$n\"\n"
	"done\n"
	"mkdir \"$t/dev/pts\" \"$t/dev/shm\" \"$t/dev/mqueue\"\n"
	"mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts \"$t/dev/pts\"\n"
	"mount -t tmpfs -o mode=1777,nosuid,nodev shm \"$t/dev/shm\"\n"
	"ln -s pts/ptmx \"$t/dev/ptmx\"\n"
	"ln -s /proc/self/fd \"$t/dev/fd\"\n"
	"mount --rbind \"$t/dev\" /dev\n"
	"case $PITH_BOX_NETWORK in\n"
	"own) empty='/root /home /run'; ip link set lo up 2>/dev/null || : ;;\n"
	"*) empty='/root /home' ;; # names are looked up by what is in /run\n"
	"esac\n"
	"unset PITH_BOX_NETWORK\n"
	"for d in $empty; do mount -t tmpfs -o mode=755,nosuid,nodev,noexec none \"$d\"; done\n"
	/* the folder itself lies below one of these as a rule */
	"mkdir /root/t\n"
	"mount --rbind \"$t\" /root/t\n"
	"for d in /tmp /var/tmp; do mount -t tmpfs -o mode=1777,nosuid,nodev none $d; done\n"
	"mkdir -p \"$t\"\n"
	"mount --rbind /root/t \"$t\"\n"
	"umount -l /root/t\n"
	"rmdir /root/t\n"
	"exec \"$@\"\n";

/* --- users ------------------------------------------------------------------------------------------------------ */

static int box_map(void *data, pid_t pid, struct error *err)
{
	static const char *const files[] = { "uid_map", "gid_map" };
	_cleanup_free_ char *map = str_format("0 " BOX_FIRST " %d", BOX_COUNT);
	size_t i;

	(void)data;
	for (i = 0; i < array_len(files); i++) {
		_cleanup_free_ char *path = str_format("/proc/%d/%s", (int)pid, files[i]);

		if (!map || !path)
			return error_set(err, ENOMEM, "users of the build");
		if (file_poke(path, map, err) < 0)
			return error_wrap(err, "users of the build");
	}
	return 0;
}

/* The folder, with all that is in it, to the box's root. */
static int box_hand_over(const struct builder *b, struct error *err)
{
	char *const argv[] = { "chown", "-hR", BOX_FIRST ":" BOX_FIRST, "--", b->temp.path, NULL };
	struct spawn s = { .path = "chown", .argv = argv };
	_cleanup_buf_ struct buf output = { 0 };
	int status = spawn_wait(&s, &output, 4096, 0, err);

	if (status == 0)
		return 0;
	return status < 0 ? -1 : error_say(err, 0, "%.*s", (int)strcspn(buf_text(&output), "\n"), buf_text(&output));
}

/* --- place ------------------------------------------------------------------------------------------------------ */

/* Whether everybody may pass through all folders of the path, and the box has nothing of its own over it. */
static bool path_is_open(const char *path)
{
	static const char *const hidden[] = { "/dev", "/home", "/proc", "/root", "/run" };
	_cleanup_free_ char *real = realpath(path, NULL);
	struct stat st;
	char *slash;

	for (size_t i = 0; real && i < array_len(hidden); i++)
		if (str_starts(real, hidden[i]) && strchr("/", real[strlen(hidden[i])]))
			return false;
	while (real && *real) {
		if (stat(real, &st) < 0 || !(st.st_mode & S_IXOTH))
			return false;
		slash = strrchr(real, '/');
		*slash = '\0';
	}
	return real != NULL;
}

const char *box_parent(void)
{
	const char *dir = getenv("TMPDIR");

	return dir && *dir == '/' && path_is_open(dir) ? dir : "/var/tmp";
}

/* Neither home nor logins; where programs are, and how the network is left where there is one. */
static char **box_environment(const struct builder *b)
{
	static const char *const proxies[] = { "http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy",
					       "HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY" };
	const char *path = getenv("PATH"), *dir = b->temp.path;
	_cleanup_strv_ char **env = NULL;
	size_t i;

	if (strv_addf(&env, "PATH=%s", path ? path : "/usr/sbin:/usr/bin:/sbin:/bin") < 0 ||
	    strv_add(&env, "LC_ALL=C.UTF-8") < 0 || strv_addf(&env, "HOME=%s", dir) < 0 ||
	    strv_addf(&env, "TMPDIR=%s", dir) < 0 || strv_addf(&env, "XDG_RUNTIME_DIR=%s", dir) < 0 ||
	    strv_addf(&env, "PITH_BOX_NETWORK=%s", b->job->network ? "host" : "own") < 0)
		return NULL;
	for (i = 0; b->job->network && i < array_len(proxies); i++) {
		const char *value = getenv(proxies[i]);

		if (value && strv_addf(&env, "%s=%s", proxies[i], value) < 0)
			return NULL;
	}
	return steal_ptr(&env);
}

int box_run(struct builder *b, char *const *argv, struct error *err)
{
	static const char *const shell[] = { "sh", "-c", box_script, "sh" };
	_cleanup_strv_ char **all = NULL, **env = box_environment(b);
	struct builder_program p = {
		.namespaces = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC |
			(b->job->network ? 0 : CLONE_NEWNET),
		.recorded = box_map,
		.ending = SIGKILL,
	};
	int failed = env ? 0 : -1;
	size_t i;

	for (i = 0; i < array_len(shell); i++)
		failed |= strv_add(&all, shell[i]);
	failed |= strv_add(&all, b->temp.path);
	for (i = 0; argv[i]; i++)
		failed |= strv_add(&all, argv[i]);
	if (failed)
		return error_set(err, ENOMEM, "build");
	if (box_hand_over(b, err) < 0)
		return -1;
	p.argv = all;
	p.env = env;
	return builder_spawn(b, &p, err);
}
