#include "loopdev.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "cleanup.h"

/* Between asking for a free one and taking it, somebody else may have taken it. */
enum { TRIES = 64 };

int loopdev_attach(const char *file, bool read_only, char device[LOOPDEV_NAME], struct error *err)
{
	_cleanup_close_ int image = open(file, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);

	if (image < 0)
		return error_set(err, errno, "%s", file);
	return loopdev_attach_fd(image, file, read_only, device, err);
}

int loopdev_attach_fd(int image, const char *file, bool read_only, char device[LOOPDEV_NAME], struct error *err)
{
	_cleanup_close_ int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	int mode = (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC;
	struct loop_config config = {
		.fd = (unsigned)image,
		.info.lo_flags = LO_FLAGS_AUTOCLEAR | (read_only ? LO_FLAGS_READ_ONLY : 0),
	};

	if (control < 0)
		return error_set(err, errno, "/dev/loop-control");
	for (int i = 0; i < TRIES; i++) {
		int number = ioctl(control, LOOP_CTL_GET_FREE);
		_cleanup_close_ int loop = -1;

		if (number < 0)
			return error_set(err, errno, "a free loop device");
		snprintf(device, LOOPDEV_NAME, "/dev/loop%d", number);
		loop = open(device, mode);
		if (loop < 0)
			return error_set(err, errno, "%s", device);
		if (ioctl(loop, LOOP_CONFIGURE, &config) == 0)
			return steal_fd(&loop);
		if (errno != EBUSY)
			return error_set(err, errno, "%s on %s", file, device);
	}
	return error_set(err, EBUSY, "a loop device for %s", file);
}

/* Whether the device has that file behind it. */
static bool loopdev_has(int loop, int image)
{
	struct loop_info64 info;
	struct stat st;

	return ioctl(loop, LOOP_GET_STATUS64, &info) == 0 && fstat(image, &st) == 0 && info.lo_inode == st.st_ino &&
		info.lo_device == st.st_dev && info.lo_offset == 0;
}

int loopdev_set(int image, const char *file, const char *device, struct error *err)
{
	struct loop_config config = { .fd = (unsigned)image };
	_cleanup_close_ int loop = open(device, O_RDWR | O_CLOEXEC);

	if (loop < 0)
		return error_set(err, errno, "%s", device);
	snprintf((char *)config.info.lo_file_name, sizeof(config.info.lo_file_name), "%s", file); /* for losetup(8) */
	if (ioctl(loop, LOOP_CONFIGURE, &config) == 0)
		return 0;
	if (errno != EBUSY)
		return error_set(err, errno, "%s on %s", file, device);
	if (loopdev_has(loop, image))
		return 0;
	return error_say(err, EBUSY, "%s has another file behind it already", device);
}
