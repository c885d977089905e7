#include "machine.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

#include "beneath.h"
#include "io.h"
#include "settings.h"
#include "str.h"
#include "vpnkit_frame.h"

#define RUN_DIR  "/run/dockerd"
#define DATA_DIR "/var/lib/docker"
#define ETC_DIR  "/etc/docker"
/* upper and work directory of the overlay on ETC_DIR: on the disk, where there is one */
#define ETC_UPPER DATA_DIR "/machine/etc"
#define ETC_WORK  DATA_DIR "/machine/work"

enum { HOST_ANSWER_SECONDS = 120 };

static int mnt_is_same(bool *same, struct error *err)
{
	struct stat own, first;

	if (stat("/proc/self/ns/mnt", &own) < 0 || stat("/proc/1/ns/mnt", &first) < 0)
		return error_set(err, errno, "/proc/1/ns/mnt");
	*same = own.st_ino == first.st_ino && own.st_dev == first.st_dev;
	return 0;
}

int machine_enter(struct error *err)
{
	const int all = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWCGROUP;
	_cleanup_close_ int first = -1;
	bool same;

	if (getpid() == 1)
		return error_say(err, EINVAL,
				 "the machine's processes are not to be seen: the service needs \"pid: host\"");
	if (mnt_is_same(&same, err) < 0)
		return -1;
	if (same)
		return 0;
	first = (int)syscall(SYS_pidfd_open, 1, 0);
	if (first < 0)
		return error_set(err, errno, "PID 1");
	if (setns(first, all) < 0)
		return error_set(
			err, errno,
			"enter the namespaces of PID 1: the service needs \"pid: host\" and \"capabilities: [all]\"");
	return chdir("/") < 0 ? error_set(err, errno, "/") : 0;
}

static int dir_there(const char *path, mode_t mode, struct error *err)
{
	_cleanup_close_ int fd = beneath_machine_dir(path, mode, err);

	return fd < 0 ? -1 : 0;
}

/* The root file system is read-only, and dockerd keeps a key there. What a YAML has put there stays to be seen. */
static int etc_writable(struct error *err)
{
	_cleanup_close_ int etc = -1;
	char path[BENEATH_FD_PATH_MAX];

	if (access(ETC_DIR, W_OK) == 0)
		return 0;
	if (errno != EROFS)
		return error_set(err, errno, "%s", ETC_DIR);
	if (dir_there(ETC_UPPER, 0755, err) < 0 || dir_there(ETC_WORK, 0700, err) < 0)
		return -1;
	etc = beneath_machine_dir(ETC_DIR, 0, err);
	if (etc < 0)
		return -1;
	if (mount("overlay", beneath_fd_path(path, etc), "overlay", MS_NODEV | MS_NOSUID | MS_NOEXEC,
		  "lowerdir=" ETC_DIR ",upperdir=" ETC_UPPER ",workdir=" ETC_WORK) < 0)
		return error_set(err, errno, "an overlay on %s", ETC_DIR);
	return 0;
}

int machine_prepare(struct error *err)
{
	if (dir_there(RUN_DIR, 0755, err) < 0 || dir_there(DATA_DIR, 0711, err) < 0)
		return -1;
	return etc_writable(err);
}

enum machine_ports machine_host_ports(void)
{
	const struct sockaddr_vm host = { .svm_family = AF_VSOCK,
					  .svm_cid = VMADDR_CID_HOST,
					  .svm_port = VPNKIT_CONTROL_PORT };
	const struct timeval limit = { .tv_sec = HOST_ANSWER_SECONDS };
	_cleanup_close_ int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, AF_VSOCK, SO_VM_SOCKETS_CONNECT_TIMEOUT, &limit, sizeof limit) < 0)
		return MACHINE_NO_PORTS;
	if (connect(fd, (const struct sockaddr *)&host, sizeof host) == 0)
		return MACHINE_HAS_PORTS;
	return errno == ETIMEDOUT ? MACHINE_SILENT : MACHINE_NO_PORTS;
}

int machine_forget_pid(struct error *err)
{
	if (unlink(SETTINGS_PID_FILE) < 0 && errno != ENOENT)
		return error_set(err, errno, "%s", SETTINGS_PID_FILE);
	return 0;
}
