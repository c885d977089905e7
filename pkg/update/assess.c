/* Whether a system that has been started is good: PID 1 keeps this running from the beginning of the boot until it is
 * known.
 *
 *   not counted --------------------------------------------> the end, at once
 *   counted -> `service wait` -> all are ready -> five seconds -> none was started again -> the counter goes -> the end
 *                 ^                                                  |
 *                 `---- a pause, until the time is up <--------------+ else
 *   the time is up -> another system is there: reboot; the boot loader has counted this try
 *                  -> none: the machine stays as it is
 *
 * PID 1 starts it again when it is killed; it begins anew then, with the time since boot. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backoff.h"
#include "boot.h"
#include "initctl.h"
#include "log.h"
#include "spawn.h"
#include "str.h"
#include "update_private.h"

#define SERVICE "/usr/bin/service"

enum {
	OUTPUT_MAX = 64 << 10,
	SETTLE_MS = 5000,
	LIST_US = 30 * 1000 * 1000,
	WAIT_MOST = 3600,           /* seconds: a longer time is none for `service` */
	SLACK_US = 5 * 1000 * 1000, /* for `service wait` to end by itself */
	COLUMNS = 4,                /* name, state, process, restarts */
};

static const struct backoff pauses = { .first = 500 * 1000, .most = 8 * 1000 * 1000 };

static uint64_t assess_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static int service_run(const char *command, uint64_t timeout_us, struct buf *out, struct error *err)
{
	char *argv[] = { (char *)SERVICE, (char *)command, NULL };
	int status = spawn_wait(&(struct spawn){ .path = SERVICE, .argv = argv, .death_signal = SIGKILL }, out,
				OUTPUT_MAX, timeout_us, err);
	_cleanup_strv_ char **lines = NULL;

	if (status == 0)
		return 0;
	if (status < 0)
		return -1;
	lines = strv_split(buf_text(out), "\n");
	return error_say(err, EAGAIN, "%s", lines && lines[0] ? lines[strv_len(lines) - 1] : spawn_status_text(status));
}

/* Of each service what changes when it ends or is started again. */
static int services_now(struct buf *now, struct error *err)
{
	_cleanup_buf_ struct buf out = { 0 };
	_cleanup_strv_ char **lines = NULL;

	if (access("/containers/services", F_OK) < 0)
		return 0;
	if (service_run("list", LIST_US, &out, err) < 0)
		return -1;
	lines = strv_split(buf_text(&out), "\n");
	if (!lines)
		return error_set(err, ENOMEM, "list of services");
	for (char **line = lines; *line; line++) {
		_cleanup_strv_ char **cells = strv_split(*line, " ");

		if (!cells)
			return error_set(err, ENOMEM, "list of services");
		for (size_t i = 0; i < COLUMNS && cells[i]; i++)
			if (buf_addf(now, "%s ", cells[i]) < 0)
				return error_set(err, ENOMEM, "list of services");
	}
	return 0;
}

/* 0: all services are ready, and stay so. -1: not now, and why. */
static int services_look(uint64_t left_us, struct error *err)
{
	_cleanup_buf_ struct buf out = { 0 }, before = { 0 }, after = { 0 };
	uint64_t left = left_us / 1000000 + 1;
	char seconds[32];

	snprintf(seconds, sizeof(seconds), "%llu", (unsigned long long)(left < WAIT_MOST ? left : WAIT_MOST));
	if (setenv("PITH_WAIT", seconds, 1) < 0)
		return error_set(err, errno, "environment");
	if (service_run("wait", left_us + SLACK_US, &out, err) < 0)
		return -1;
	if (services_now(&before, err) < 0)
		return -1;
	poll(NULL, 0, SETTLE_MS);
	if (services_now(&after, err) < 0)
		return -1;
	return str_eq(buf_text(&before), buf_text(&after)) ? 0
							   : error_say(err, EAGAIN, "a service does not stay as it is");
}

/* 0: they are ready; -1: the time is up, and what was in the way last. */
static int services_ready(uint64_t end, struct error *err)
{
	uint64_t pause = 0;

	for (;;) {
		uint64_t now = assess_now();

		error_clear(err);
		if (services_look(end > now ? end - now : 0, err) == 0)
			return 0;
		now = assess_now();
		if (now >= end)
			return -1;
		pause = backoff_next(&pauses, pause);
		poll(NULL, 0, (int)((pause < end - now ? pause : end - now) / 1000) + 1);
	}
}

/* PID 1 need not keep this running any more; it sends a signal then. */
static int assess_end(void)
{
	char *words[] = { (char *)"stop", (char *)"update", NULL };
	_cleanup_error_ struct error err = { 0 };

	signal(SIGTERM, SIG_IGN);
	if (initctl_request(words, NULL, &err) < 0)
		log_warn("%s", error_text(&err));
	return 0;
}

int machine_reboot(struct error *err)
{
	return kill(1, SIGTERM) < 0 ? error_set(err, errno, "ask PID 1 to start the machine again") : 0;
}

/* Whoever updates the machine at this moment has the partition: it is tried again. What has it mounted may keep it for
 * ever, and that is said once. */
static int good_write(bool *changed, struct error *err)
{
	bool said = false;

	for (uint64_t pause = 0;;) {
		_cleanup_slots_ struct slots s = SLOTS_INIT;

		error_clear(err);
		if (slots_of_machine(&s, err) < 0)
			return -1;
		if (update_good(&s, changed, err) == 0)
			return 0;
		if (err->code != EBUSY)
			return -1;
		pause = backoff_next(&pauses, pause);
		if (!said && pause == pauses.most) {
			log_warn("all services are ready; this system is marked as good when this is over: %s",
				 error_text(err));
			said = true;
		}
		poll(NULL, 0, (int)(pause / 1000));
	}
}

static int assess_good(void)
{
	_cleanup_error_ struct error err = { 0 };
	bool changed = false;

	if (good_write(&changed, &err) < 0)
		log_error("all services are ready, but this system cannot be marked as good: %s", error_text(&err));
	else if (changed)
		log_info("all services are ready: this system is good");
	return assess_end();
}

static int assess_bad(unsigned seconds, const struct error *why)
{
	_cleanup_slots_ struct slots s = SLOTS_INIT;
	_cleanup_error_ struct error err = { 0 };
	bool there = false;

	if (slots_of_machine(&s, &err) < 0 || update_fallback(&s, &there, &err) < 0)
		log_error("%s", error_text(&err));
	log_error("not ready %u s after the start: %s", seconds, error_text(why));
	if (!there) {
		log_error("there is no other system to start: the machine stays as it is");
		return assess_end();
	}
	log_error("the machine starts again, with the other system when this one has no try left");
	error_clear(&err);
	if (machine_reboot(&err) == 0)
		return 0;
	log_error("%s", error_text(&err));
	return assess_end();
}

/* Whether the system that runs has to show that it is good. */
static bool assess_needed(struct error *err)
{
	_cleanup_slots_ struct slots s = SLOTS_INIT;
	_cleanup_boot_ struct boot b = { 0 };
	const struct boot_entry *e;

	if (slots_of_machine(&s, err) < 0 || extent_open_read(&s.esp, err) < 0 || boot_open(&b, &s.esp, err) < 0)
		return false;
	e = boot_find(&b, s.running);
	return e && !e->entry.good;
}

int assess_run(unsigned seconds)
{
	_cleanup_error_ struct error err = { 0 };

	if (!assess_needed(&err)) {
		if (err.msg && err.code != ENODEV)
			log_error("%s", error_text(&err));
		return assess_end();
	}
	if (services_ready(seconds * UINT64_C(1000000), &err) < 0)
		return assess_bad(seconds, &err);
	return assess_good();
}
