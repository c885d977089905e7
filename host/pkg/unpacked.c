/* Paths inside an unpacked package: links are followed by the kernel, with the package as root. */
#include "unpacked.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "beneath.h"
#include "cleanup.h"

char *unpacked_find(const char *root, const char *path)
{
	static const struct beneath_want want = { .type = S_IFREG, .owner = BENEATH_ANY_OWNER, .follow = true };
	_cleanup_close_ int dir = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC), fd = -1;
	char name[BENEATH_FD_PATH_MAX], real[PATH_MAX];
	ssize_t n;

	if (dir < 0)
		return NULL;
	fd = beneath_open(dir, path, O_PATH, 0, &want, NULL);
	n = fd < 0 ? -1 : readlink(beneath_fd_path(name, fd), real, sizeof(real) - 1);
	return n < 0 ? NULL : strndup(real, (size_t)n);
}
