#include "recorded.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "beneath.h"
#include "cleanup.h"
#include "io.h"
#include "process.h"
#include "report.h"
#include "str.h"

enum { RECORD_LEN = 32, PID_MOST = 1 << 22 };

int recorded_parse(const char *text, pid_t *pid, uint64_t *ticks)
{
	_cleanup_strv_ char **words = strv_split(text, " \n");
	uint64_t n;

	if (!words || strv_len(words) != 2 || str_to_u64(words[0], PID_MOST, &n) < 0 || n < 2 ||
	    str_to_u64(words[1], UINT64_MAX, ticks) < 0)
		return -1;
	*pid = (pid_t)n;
	return 0;
}

int recorded_open(const char *path, struct error *err)
{
	const struct beneath_want want = beneath_file(geteuid());

	return beneath_open(BENEATH_ROOT, path, O_RDWR | O_CREAT, 0644, &want, err);
}

int recorded_write(int fd, pid_t pid, struct error *err)
{
	char text[RECORD_LEN + 1];
	uint64_t ticks = 0;

	if (pid > 0 && process_start_time(pid, &ticks, err) < 0)
		return -1;
	snprintf(text, sizeof(text), "%10d %20" PRIu64 "\n", (int)pid, ticks);
	if (pwrite(fd, text, RECORD_LEN, 0) != RECORD_LEN)
		return error_set(err, errno, "record process %d", (int)pid);
	return 0;
}

int recorded_process(int fd, pid_t *pid, uint64_t *age_us)
{
	_cleanup_close_ int process = -1;
	char text[RECORD_LEN + 1] = "";
	uint64_t ticks, now, started;

	if (io_pread(fd, text, RECORD_LEN, 0) < 0 || recorded_parse(text, pid, &ticks) < 0)
		return -1;
	process = process_open(*pid, NULL);
	/* Ended and not reaped yet, or another one under its number. */
	if (process < 0 || poll(&(struct pollfd){ process, POLLIN, 0 }, 1, 0) != 0 ||
	    process_start_time(*pid, &now, NULL) < 0 || now != ticks)
		return -1;
	started = ticks * 1000000 / (uint64_t)sysconf(_SC_CLK_TCK);
	*age_us = report_now() > started ? report_now() - started : 0;
	return steal_fd(&process);
}
