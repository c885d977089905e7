#include "report.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "cmdline.h"
#include "io.h"
#include "log.h"

#define DIR_NAME "/run/pith"
#define STEPS    DIR_NAME "/boot.steps"

enum { STEPS_MAX = 4 << 20 };

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

/* Read once: the command line does not change. */
static bool report_timing(void)
{
	static int wanted = -1;
	_cleanup_buf_ struct buf line = { 0 };

	if (wanted < 0)
		wanted = cmdline_read(&line, NULL) == 0 && cmdline_has(buf_text(&line), "pith.timing=1");
	return wanted;
}

int report_add(struct buf *lines, const char *program, const char *name, uint64_t start_us, uint64_t end_us, int status)
{
	int r;

	if (report_timing())
		log_info("timing: %s %s %" PRIu64 " us", program, name, end_us - start_us);
	r = buf_addstr(lines, "{\"name\":") | add_quoted(lines, name) | buf_addstr(lines, ",\"program\":") |
		add_quoted(lines, program) |
		buf_addf(lines, ",\"start_us\":%" PRIu64 ",\"end_us\":%" PRIu64, start_us, end_us);
	if (status != REPORT_NO_STATUS)
		r |= buf_addf(lines, ",\"status\":%d", status);
	return (r | buf_addstr(lines, "}\n")) < 0 ? -1 : 0;
}

int report_append(const struct buf *lines, struct error *err)
{
	_cleanup_close_ int fd = open(STEPS, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);

	if (fd < 0 && errno == ENOENT && mkdir(DIR_NAME, 0755) == 0)
		fd = open(STEPS, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0 || io_write(fd, buf_bytes(lines), lines->len) < 0)
		return error_set(err, errno, STEPS);
	return 0;
}

int report_step(const char *program, const char *name, uint64_t start_us, uint64_t end_us, int status,
		struct error *err)
{
	_cleanup_buf_ struct buf line = { 0 };

	if (report_add(&line, program, name, start_us, end_us, status) < 0)
		return error_set(err, ENOMEM, "boot report");
	return report_append(&line, err);
}

/* Whole lines are objects already: commas between them make them a list. A line that was cut short, on a full
 * file system, is left out. */
int report_publish(struct error *err)
{
	_cleanup_buf_ struct buf steps = { 0 }, out = { 0 };
	char *line, *end;
	bool first = true;
	int r;

	if (file_read(STEPS, STEPS_MAX, &steps, err) < 0)
		return -1;
	r = buf_addstr(&out, "{\"version\":1,\"steps\":[");
	for (line = (char *)buf_text(&steps); (end = strchr(line, '\n')); line = end + 1) {
		if (end == line || line[0] != '{' || end[-1] != '}')
			continue;
		r |= buf_addstr(&out, first ? "\n" : ",\n") | buf_add(&out, line, (size_t)(end - line));
		first = false;
	}
	r |= buf_addstr(&out, "\n]}\n");
	if (r < 0)
		return error_set(err, ENOMEM, "boot report");
	return file_write(DIR_NAME "/boot.json", buf_bytes(&out), out.len, 0644, err);
}
