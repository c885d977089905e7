#include "cmdline.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "image.h"

enum { CMDLINE = 4096 }; /* the kernel's own limit is 2048 */

/* In a container nobody may mount; /proc is there. */
static int cmdline_open(void)
{
	_cleanup_close_ int proc = detached_mount("proc", "proc", NULL);

	if (proc < 0)
		return open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
	return openat(proc, "cmdline", O_RDONLY | O_CLOEXEC);
}

bool cmdline_value(const char *name, char *value, size_t size)
{
	_cleanup_close_ int fd = cmdline_open();
	char line[CMDLINE];
	ssize_t n = fd < 0 ? -1 : read(fd, line, sizeof(line) - 1);
	size_t length = strlen(name);

	if (n <= 0)
		return false;
	line[n] = '\0';
	for (const char *at = line; *(at += strspn(at, " \t\n"));) {
		size_t word = strcspn(at, " \t\n");

		if (word > length && memcmp(at, name, length) == 0 && at[length] == '=') {
			if (word - length > size)
				return false;
			memcpy(value, at + length + 1, word - length - 1);
			value[word - length - 1] = '\0';
			return true;
		}
		at += word;
	}
	return false;
}
