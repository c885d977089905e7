#include "orphan.h"

#include <errno.h>
#include <stdlib.h>

#include "io.h"
#include "str.h"

int orphan_expect(pid_t pid, struct error *err)
{
	char path[ORPHAN_PATH];
	_cleanup_close_ int fd = -1;

	orphan_path(path, pid);
	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 && errno == ENOENT) {
		if (dir_make(ORPHAN_DIR, 0700, err) < 0)
			return -1;
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	}
	return fd < 0 ? error_set(err, errno, "%s", path) : 0;
}

void orphan_forget(pid_t pid)
{
	char path[ORPHAN_PATH];

	orphan_path(path, pid);
	unlink(path);
}

int orphan_status(pid_t pid)
{
	char path[ORPHAN_PATH];
	_cleanup_free_ char *line = NULL;
	uint64_t code;

	orphan_path(path, pid);
	line = file_line(path, NULL);
	return line && str_to_u64(line, 255, &code) == 0 ? (int)code : -1;
}
