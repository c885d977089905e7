#include "report.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "backoff.h"
#include "beneath.h"
#include "cmdline.h"
#include "io.h"
#include "log.h"
#include "str.h"

#define DIR_NAME   "/run/pith"
#define STEPS_NAME "boot.steps"
#define STEPS      DIR_NAME "/" STEPS_NAME
#define RUNNING    "boot.running"

enum {
	STEPS_MAX = 1 << 20,
	RUNNING_MAX = 1024,
};

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

/* /run/pith, which is made when it is missing. */
static int directory_open(struct error *err)
{
	if (mkdir(DIR_NAME, 0755) < 0 && errno != EEXIST)
		return error_set(err, errno, DIR_NAME);
	return beneath_machine_dir(DIR_NAME, 0, err);
}

/* Past its bound the report takes no more: only what starts again and again comes so far. */
int report_append(const struct buf *lines, struct error *err)
{
	const struct beneath_want want = beneath_file(geteuid());
	_cleanup_close_ int dir = directory_open(err), fd = -1;
	struct stat st;

	fd = dir < 0 ? -1 : beneath_open(dir, STEPS_NAME, O_WRONLY | O_APPEND | O_CREAT, 0644, &want, err);
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0 && st.st_size + (off_t)lines->len > STEPS_MAX)
		return error_set(err, EFBIG, STEPS);
	return io_write(fd, buf_bytes(lines), lines->len) < 0 ? error_set(err, errno, STEPS) : 0;
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
int report_read(struct buf *out, struct error *err)
{
	const struct beneath_want want = beneath_file(geteuid());
	_cleanup_buf_ struct buf steps = { 0 };
	_cleanup_close_ int dir = directory_open(err);
	char *line, *end;
	bool first = true;
	int r;

	if (dir < 0 || beneath_read(dir, STEPS_NAME, STEPS_MAX, &want, &steps, err) < 0)
		return -1;
	r = buf_addstr(out, "{\"version\":1,\"steps\":[");
	for (line = (char *)buf_text(&steps); (end = strchr(line, '\n')); line = end + 1) {
		if (end == line || line[0] != '{' || end[-1] != '}')
			continue;
		r |= buf_addstr(out, first ? "\n" : ",\n") | buf_add(out, line, (size_t)(end - line));
		first = false;
	}
	r |= buf_addstr(out, "\n]}\n");
	return r < 0 ? error_set(err, ENOMEM, "boot report") : 0;
}

int report_publish(struct error *err)
{
	_cleanup_buf_ struct buf out = { 0 };

	if (report_read(&out, err) < 0)
		return -1;
	return file_write(DIR_NAME "/boot.json", buf_bytes(&out), out.len, 0644, err);
}

/* --- the step that runs now ----------------------------------------------------------------------------------- */

void report_running(const char *program, const char *name)
{
	const struct beneath_want want = beneath_file(geteuid());
	_cleanup_close_ int dir = directory_open(NULL), fd = -1;
	char line[RUNNING_MAX];
	int n;

	/* Who asks is told less, should anything of it fail. */
	if (dir < 0)
		return;
	if (!program) {
		unlinkat(dir, RUNNING, 0);
		return;
	}
	fd = beneath_open(dir, RUNNING, O_WRONLY | O_CREAT | O_TRUNC, 0644, &want, NULL);
	n = snprintf(line, sizeof(line), "%" PRIu64 " %s %s\n", report_now(), program, name);
	if (fd >= 0 && n > 0 && n < (int)sizeof(line))
		(void)!io_write(fd, line, (size_t)n);
}

char *report_running_find(uint64_t *run_us)
{
	const struct beneath_want want = beneath_file(geteuid());
	_cleanup_close_ int dir = beneath_machine_dir(DIR_NAME, 0, NULL);
	_cleanup_buf_ struct buf text = { 0 };
	uint64_t start, now = report_now();
	char *line, *space;

	if (dir < 0 || beneath_read(dir, RUNNING, RUNNING_MAX, &want, &text, NULL) < 0)
		return NULL;
	line = (char *)buf_text(&text);
	space = strchr(line, ' ');
	if (!space || !strchr(space, '\n'))
		return NULL;
	*space = '\0';
	*strchr(space + 1, '\n') = '\0';
	if (str_to_u64(line, UINT64_MAX, &start) < 0 || start > now)
		return NULL;
	*run_us = now - start;
	return strdup(space + 1);
}

uint64_t report_pause(uint64_t last)
{
	static const struct backoff pauses = { .first = 10 * 1000 * 1000, .most = 300 * 1000 * 1000 };

	return backoff_next(&pauses, last);
}
