#include "pid_file.h"

#include <errno.h>
#include <string.h>

#include "beneath.h"
#include "io.h"
#include "str.h"

enum { FILE_MAX = 64, PID_MOST = 1 << 22 /* the kernel's own limit */ };

int pid_file_parse(const char *text, pid_t *pid)
{
	size_t n = strcspn(text, "\n");
	char digits[16];
	uint64_t number;

	if (n >= sizeof(digits))
		return -1;
	memcpy(digits, text, n);
	digits[n] = '\0';
	if (str_to_u64(digits, PID_MOST, &number) < 0 || number < 2)
		return -1;
	*pid = (pid_t)number;
	return 0;
}

static int text_parse(const struct buf *text, const char *path, pid_t *pid, struct error *err)
{
	return pid_file_parse(buf_text(text), pid) < 0 ? error_say(err, EPROTO, "%s: no process id", path) : 0;
}

int pid_file_read(const char *path, pid_t *pid, struct error *err)
{
	_cleanup_buf_ struct buf text = { 0 };

	return file_read(path, FILE_MAX, &text, err) < 0 ? -1 : text_parse(&text, path, pid, err);
}

int pid_file_read_machine(const char *dir, const char *name, pid_t *pid, struct error *err)
{
	const struct beneath_want want = beneath_file(geteuid());
	_cleanup_close_ int fd = beneath_machine_dir(dir, 0, err);
	_cleanup_buf_ struct buf text = { 0 };

	return fd < 0 || beneath_read(fd, name, FILE_MAX, &want, &text, err) < 0 ? -1
										 : text_parse(&text, name, pid, err);
}
