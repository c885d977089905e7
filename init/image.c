#include "image.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <linux/mount.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cleanup.h"

/* umount2(2)'s flag: <sys/mount.h> does not go with <linux/mount.h>. */
enum { UMOUNT_DETACH = 2 };

static int sys_fsconfig(int fs, unsigned command, const char *key, const char *value)
{
	return (int)syscall(SYS_fsconfig, fs, command, key, value, 0);
}

int detached_mount(const char *type, const char *source, const char *flag)
{
	_cleanup_close_ int fs = (int)syscall(SYS_fsopen, type, FSOPEN_CLOEXEC);

	if (fs < 0 || sys_fsconfig(fs, FSCONFIG_SET_STRING, "source", source) < 0 ||
	    (flag && sys_fsconfig(fs, FSCONFIG_SET_FLAG, flag, NULL) < 0) ||
	    sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL) < 0)
		return -1;
	return (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY);
}

bool devices_enter(void)
{
	_cleanup_close_ int dev = detached_mount("devtmpfs", "dev", NULL);

	return dev >= 0 && (mkdir("/dev", 0755) == 0 || errno == EEXIST) &&
		syscall(SYS_move_mount, dev, "", AT_FDCWD, "/dev", MOVE_MOUNT_F_EMPTY_PATH) == 0;
}

void devices_leave(void)
{
	int saved = errno;

	if (syscall(SYS_umount2, "/dev", UMOUNT_DETACH) < 0)
		say("cannot unmount the initramfs's /dev: ", strerror(errno));
	errno = saved;
}

int loop_attach(const char *image, char device[static DEVICE_PATH])
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
