#include "loopdev.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <sys/ioctl.h>

#include "cleanup.h"

/* Between asking for a free one and taking it, somebody else may have taken it. */
enum { TRIES = 64 };

int loopdev_attach(const char *file, bool read_only, char device[LOOPDEV_NAME], struct error *err)
{
	int mode = (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC;
	_cleanup_close_ int image = open(file, mode), control = -1;
	struct loop_config config = {
		.info.lo_flags = LO_FLAGS_AUTOCLEAR | (read_only ? LO_FLAGS_READ_ONLY : 0),
	};

	if (image < 0)
		return error_set(err, errno, "%s", file);
	control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	if (control < 0)
		return error_set(err, errno, "/dev/loop-control");
	config.fd = (unsigned)image;
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
