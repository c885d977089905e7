#include "machine_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io.h"
#include "log.h"

/* The log is begun anew at that size; the one before it is kept. */
#define LOG_MAX (16u << 20)

static const char log_name[] = "console.log";

int machine_log_open(struct machine *m, struct error *err)
{
	m->log = state_create(m->setup->state, log_name, err);
	m->logged = 0;
	return m->log < 0 ? error_wrap(err, "console log") : 0;
}

/* A device takes it all, and what a link leads to is begun anew. */
static bool log_rotates(const struct machine *m)
{
	struct stat st;

	return fstatat(m->setup->state->fd, log_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
}

/* A log that cannot be written (a full disk) ends; the machine goes on. */
static void log_write(struct machine *m, const uint8_t *bytes, size_t n)
{
	_cleanup_error_ struct error err = { 0 };

	if (m->log >= 0 && m->logged + n > LOG_MAX) {
		int dir = m->setup->state->fd;

		close(m->log);
		m->log = -1;
		if (log_rotates(m) && renameat(dir, log_name, dir, "console.log.1") < 0)
			log_warn("the console's log ends here: %s", strerror(errno));
		else if (machine_log_open(m, &err) < 0)
			log_warn("the console's log ends here: %s", error_text(&err));
	}
	if (m->log < 0)
		return;
	if (io_write(m->log, bytes, n) < 0) {
		log_warn("the console's log ends here: %s", strerror(errno));
		close(m->log);
		m->log = -1;
	}
	m->logged += n;
}

size_t machine_console_output(void *data, uint8_t *bytes, size_t n)
{
	struct machine *m = data;

	log_write(m, bytes, n);
	ending_feed(&m->ending, bytes, n);
	return m->setup->console ? n : 0;
}

/* From now on what the guest says only goes to the log: it must not be held up. */
static int output_discard(struct machine *m)
{
	m->null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (m->null < 0)
		return error_set(m->err, errno, "/dev/null");
	m->output.to = m->null;
	return pump_start(&m->output, m->loop, m->err);
}

void machine_output_ended(void *data, bool target, int code)
{
	struct machine *m = data;

	m->draining = false;
	/* Nobody reads the console any more (`pith run NAME | head`): the machine has no reason to go on. */
	if (target && !m->exited) {
		log_debug("the console's output is closed: %s", strerror(code));
		m->draining = output_discard(m) == 0;
		if (!m->stopping)
			machine_stop(m);
	}
	machine_finish(m);
}

size_t machine_console_input(void *data, uint8_t *bytes, size_t n)
{
	struct machine *m = data;
	enum console_key key;
	size_t left = console_keys(m->setup->console, bytes, n, &key);

	if (key == CONSOLE_POWER_DOWN)
		machine_stop(m);
	if (key == CONSOLE_STOP)
		machine_quit(m);
	return left;
}

void machine_input_ended(void *data, bool target, int code)
{
	/* The end of our input is not the end of the machine. */
	(void)data;
	(void)target;
	(void)code;
}
