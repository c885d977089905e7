#include "boot_wait.h"

#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "io.h"
#include "report.h"
#include "str.h"

#define BOOT_DIR    "/run/pith"
#define BOOT_REPORT BOOT_DIR "/boot.json"

enum {
	SECONDS_MOST = 3600,
	SECOND_US = 1000000,
	STEP_LONG_US = 10 * SECOND_US, /* from there on the console speaks of it, too */
	START_SECONDS = 5,             /* PID 1 starts the supervisor a moment before the report is written */
	LOOK_MS = 200,                 /* a socket has its name a moment before it listens */
};

static uint64_t patience_us(void)
{
	const char *text = getenv("PITH_WAIT");
	uint64_t seconds;

	return text && str_to_u64(text, SECONDS_MOST, &seconds) == 0 ? seconds * SECOND_US : 0;
}

bool boot_patient(void)
{
	return patience_us() > 0;
}

/* rc.init has ended, and what it started has had the time to come up. */
static bool boot_over(void)
{
	struct stat st;

	return stat(BOOT_REPORT, &st) == 0 && time(NULL) - st.st_ctime > START_SECONDS;
}

static bool step_long(void)
{
	uint64_t us = 0;
	_cleanup_free_ char *step = report_running_find(&us);

	return step && us >= STEP_LONG_US;
}

bool boot_wait(bool (*there)(void *data), void *data, bool whole)
{
	const uint64_t end = report_now() + patience_us();
	_cleanup_close_ int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	struct pollfd p = { .fd = watch, .events = POLLIN };
	char events[4096];

	/* Without the watch the looks are further apart. */
	if (watch >= 0)
		inotify_add_watch(watch, BOOT_DIR, IN_CREATE | IN_MOVED_TO | IN_CLOSE_WRITE);
	while (!there(data)) {
		if (report_now() >= end || boot_over() || (!whole && step_long()))
			return false;
		if (poll(&p, 1, LOOK_MS) > 0)
			(void)!read(watch, events, sizeof(events)); /* what it was does not matter */
	}
	return true;
}
