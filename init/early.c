#include "early.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/module.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cleanup.h"
#include "dirent_private.h"
#include "say.h"

enum { EARLY_MAX = 64, EARLY_NAME = 64 };

/* File names of a directory, sorted. */
static size_t names_read(int dir, char names[EARLY_MAX][EARLY_NAME])
{
	char bytes[4096] __attribute__((aligned(8)));
	size_t count = 0;
	long n;

	while ((n = syscall(SYS_getdents64, dir, bytes, sizeof(bytes))) > 0) {
		for (long at = 0; at < n;) {
			struct entry *e = (struct entry *)(bytes + at);
			size_t place = count, length = strlen(e->name);

			at += e->length;
			if (e->name[0] == '.')
				continue;
			if (count == EARLY_MAX || length >= EARLY_NAME) {
				say("/early/", e->name, ": too many modules, or too long a name");
				continue;
			}
			for (; place > 0 && strcmp(names[place - 1], e->name) > 0; place--)
				strcpy(names[place], names[place - 1]);
			memcpy(names[place], e->name, length + 1);
			count++;
		}
	}
	return count;
}

static void module_load(int dir, const char *name)
{
	_cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	const char *dot = strrchr(name, '.');
	unsigned flags = dot && strcmp(dot, ".ko") != 0 ? MODULE_INIT_COMPRESSED_FILE : 0;

	if (fd < 0 || (syscall(SYS_finit_module, fd, "", flags) < 0 && errno != EEXIST))
		say("cannot load module /early/", name, ": ", strerror(errno));
}

void early_modules_load(void)
{
	_cleanup_close_ int dir = open("/early", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char names[EARLY_MAX][EARLY_NAME];
	size_t count;

	if (dir < 0)
		return; /* a kernel with everything built in */
	count = names_read(dir, names);
	for (size_t i = 0; i < count; i++)
		module_load(dir, names[i]);
}
