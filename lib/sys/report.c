#include "report.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <time.h>

#include "buf.h"

#define DIR_NAME "/run/pith"
#define STEPS    DIR_NAME "/boot.steps"

uint64_t report_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static int add_quoted(struct buf *b, const char *s)
{
	int r = buf_addstr(b, "\"");

	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			r |= buf_addf(b, "\\%c", *s);
		else if ((unsigned char)*s < 0x20)
			r |= buf_addf(b, "\\u%04x", (unsigned)*s);
		else
			r |= buf_add(b, s, 1);
	}
	return r | buf_addstr(b, "\"");
}

int report_step(const char *program, const char *name, uint64_t start_us, uint64_t end_us, int status,
		struct error *err)
{
	_cleanup_buf_ struct buf line = { 0 };
	_cleanup_close_ int fd = -1;
	int r;

	r = buf_addstr(&line, "{\"name\":") | add_quoted(&line, name) | buf_addstr(&line, ",\"program\":") |
		add_quoted(&line, program) |
		buf_addf(&line, ",\"start_us\":%" PRIu64 ",\"end_us\":%" PRIu64, start_us, end_us);
	if (status != REPORT_NO_STATUS)
		r |= buf_addf(&line, ",\"status\":%d", status);
	if ((r | buf_addstr(&line, "}\n")) < 0)
		return error_set(err, ENOMEM, "boot report");
	fd = open(STEPS, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0 && errno == ENOENT && mkdir(DIR_NAME, 0755) == 0)
		fd = open(STEPS, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, line.data, line.len) != (ssize_t)line.len)
		return error_set(err, errno, STEPS);
	return 0;
}
