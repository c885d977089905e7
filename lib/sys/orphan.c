#include "orphan.h"

#include <errno.h>
#include <stdlib.h>

#include "beneath.h"
#include "io.h"
#include "str.h"

enum { NOTES_MAX = 4096 };

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
	const struct beneath_want want = beneath_file(geteuid());
	_cleanup_close_ int dir = beneath_machine_dir(ORPHAN_DIR, 0, NULL);
	_cleanup_buf_ struct buf note = { 0 };
	char path[ORPHAN_PATH];
	uint64_t code;

	orphan_path(path, pid);
	if (dir < 0 || beneath_read(dir, path + sizeof(ORPHAN_DIR), NOTES_MAX, &want, &note, NULL) < 0 || note.len < 4)
		return -1;
	buf_truncate(&note, 3); /* the first note counts */
	return str_to_u64(buf_text(&note), 255, &code) == 0 ? (int)code : -1;
}
