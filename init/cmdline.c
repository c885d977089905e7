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

/* A string; false: it cannot be read. */
static bool cmdline_read(char line[static CMDLINE])
{
	_cleanup_close_ int fd = cmdline_open();
	ssize_t n = fd < 0 ? -1 : read(fd, line, CMDLINE - 1);

	if (n <= 0)
		return false;
	line[n] = '\0';
	return true;
}

/* Where a value begins, and how long it is; NULL: there is no such word. */
static const char *value_find(const char *line, const char *name, size_t *size)
{
	size_t length = strlen(name);

	for (const char *at = line; *(at += strspn(at, " \t\n"));) {
		size_t word = strcspn(at, " \t\n");

		if (word > length && memcmp(at, name, length) == 0 && at[length] == '=') {
			*size = word - length - 1;
			return at + length + 1;
		}
		at += word;
	}
	return NULL;
}

bool cmdline_value(const char *name, char *value, size_t size)
{
	char line[CMDLINE];
	size_t length;
	const char *found = cmdline_read(line) ? value_find(line, name, &length) : NULL;

	if (!found || length >= size)
		return false;
	memcpy(value, found, length);
	value[length] = '\0';
	return true;
}

bool cmdline_has(const char *name)
{
	char line[CMDLINE];
	size_t length;

	return cmdline_read(line) && value_find(line, name, &length);
}
