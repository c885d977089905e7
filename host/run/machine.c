#include "machine.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "ending.h"
#include "io.h"
#include "log.h"
#include "loop.h"
#include "qemu.h"
#include "qmp.h"
#include "relay.h"
#include "str.h"
#include "toollog.h"

#define SECOND 1000000u
/* A guest that boots, or whose PID 1 is busy, may miss the button. */
#define BUTTON_US (3 * SECOND)
/* QEMU writes back what its disks' caches hold, and ends. */
#define QUIT_US (10 * SECOND)
/* After QEMU's end its last words are still to be shown. */
#define DRAIN_US (2 * SECOND)
/* QEMU's messages that are kept to be shown when it fails. */
#define MESSAGES_MAX 8192
/* A guest that resets so often without a word will go on doing so. */
#define RESETS_MAX 5
/* The log is begun anew at that size; the one before it is kept. */
#define LOG_MAX (16u << 20)

static const char log_name[] = "console.log";

struct helper {
	struct loop_child child;
	const struct machine_helper *setup;
	struct machine *machine;
};

struct machine {
	const struct machine_setup *setup;
	struct loop *loop;
	struct error *err;
	pid_t pid;
	struct loop_child child;
	struct helper helpers[MACHINE_HELPERS_MAX];
	struct loop_io qmp, messages;
	struct loop_timer button, deadline;
	struct relay input, output;
	struct buf received, said; /* QMP bytes; QEMU's standard error */
	int to_guest, from_guest, log, null;
	uint64_t logged;
	struct ending ending;
	unsigned resets; /* without a word on the console between them */
	bool hopeless;   /* it would only reset again */
	bool ready;      /* QMP commands are taken */
	bool stopping;   /* the button was pressed */
	bool quitting;   /* QEMU was told to go */
	bool exited;
	bool draining;    /* the console's output still runs */
	int status;       /* QEMU's wait status */
	char reason[256]; /* why the guest shut down, in QEMU's words */
	char *lost;       /* the device that ended first, and why */
	int lost_status;
};

/* --- ending ------------------------------------------------------------------------------------ */

static bool helpers_run(const struct machine *m)
{
	size_t i;

	for (i = 0; i < m->setup->helper_count; i++)
		if (loop_io_active(&m->helpers[i].child.io))
			return true;
	return false;
}

/* QEMU is gone, and everything that it said before was taken. */
static void finish_if_done(struct machine *m)
{
	if (m->exited && !m->draining && !loop_io_active(&m->messages) && !loop_io_active(&m->qmp) && !helpers_run(m))
		loop_quit(m->loop, 0);
}

static void qmp_ready(struct loop_io *io, uint32_t events);

static void arm(struct machine *m, struct loop_timer *timer, uint64_t us)
{
	if (loop_timer_after(m->loop, timer, us, m->err) < 0)
		loop_quit(m->loop, -1);
}

static void quit(struct machine *m)
{
	bool again = m->quitting;

	loop_timer_disarm(&m->button);
	m->quitting = true;
	/* SIGKILL when it was told before, and when the control socket does not work. */
	if (again || !m->ready || qmp_send(m->qmp.fd, "quit", NULL) < 0) {
		kill(m->pid, SIGKILL);
		return;
	}
	arm(m, &m->deadline, QUIT_US);
}

static void press_button(struct machine *m)
{
	if (m->ready && qmp_send(m->qmp.fd, "system_powerdown", NULL) < 0)
		quit(m);
	else
		arm(m, &m->button, BUTTON_US);
}

/* First request: the guest shuts down by itself, within the time it has. Second: at once. */
static void stop(struct machine *m)
{
	if (m->exited)
		return;
	if (m->stopping || m->setup->stop_timeout_us == 0) {
		quit(m);
		return;
	}
	m->stopping = true;
	if (m->setup->console && m->setup->console->terminal)
		log_info("powering the guest down; again to stop it at once");
	arm(m, &m->deadline, m->setup->stop_timeout_us);
	press_button(m);
}

static void button_due(struct loop_timer *timer)
{
	press_button(timer->data);
}

static void deadline_due(struct loop_timer *timer)
{
	struct machine *m = timer->data;

	if (m->exited) { /* last words take too long */
		loop_quit(m->loop, 0);
		return;
	}
	if (!m->quitting)
		log_warn("the guest did not power down within %llu s: stopping it",
			 (unsigned long long)(m->setup->stop_timeout_us / SECOND));
	quit(m);
}

static void qemu_exited(struct loop_child *child, int status)
{
	struct machine *m = child->data;

	m->exited = true;
	m->status = status;
	loop_timer_disarm(&m->button);
	relay_stop(&m->input);
	arm(m, &m->deadline, DRAIN_US);
	finish_if_done(m);
}

/* A device ends with QEMU's end, which QEMU tells beforehand. Before the machine is there the start of one fails by its
 * status, whatever QEMU makes of it. */
static bool helper_failed(struct machine *m, int status)
{
	if (!m->ready)
		return status != 0;
	if (loop_io_active(&m->qmp))
		qmp_ready(&m->qmp, EPOLLIN);
	return !m->exited && !m->stopping && !m->quitting && !m->reason[0];
}

static void helper_exited(struct loop_child *child, int status)
{
	struct helper *h = child->data;
	struct machine *m = h->machine;
	_cleanup_free_ char *why = h->setup->log >= 0 ? toollog_reason(h->setup->log) : NULL;
	bool ready = m->ready;

	if (!m->lost && helper_failed(m, status)) {
		m->lost = str_format("%s ended (%s)%s%s", h->setup->name, spawn_status_text(status), why ? ": " : "",
				     why ? why : "");
		m->lost_status = status;
		if (ready) {
			log_warn("%s: powering the guest down", m->lost ? m->lost : h->setup->name);
			stop(m);
		}
	}
	finish_if_done(m);
}

static void signalled(void *data, int signo)
{
	struct machine *m = data;
	struct console *c = m->setup->console;

	if (signo == SIGCONT) {
		if (c && console_raw(c, m->err) < 0)
			stop(m);
	} else if (signo == SIGTSTP) {
		if (c)
			console_restore(c);
		raise(SIGSTOP);
	} else {
		stop(m);
	}
}

/* --- what QEMU says ---------------------------------------------------------------------------- */

/* The greeting comes before QEMU has made the machine, the answer to the first command after it. */
static int became_ready(struct machine *m)
{
	if (m->ready)
		return 0;
	m->ready = true;
	/* A request that came before it. */
	if (m->stopping)
		press_button(m);
	return m->setup->started ? m->setup->started(m->setup->data, m->pid, m->err) : 0;
}

/* The guest starts anew. One whose kernel panicked, or never comes as far as to say something, would do so for ever. */
static void guest_reset(struct machine *m)
{
	m->resets = m->ending.said ? 0 : m->resets + 1;
	if (m->ending.panic[0] || m->resets >= RESETS_MAX) {
		m->hopeless = true;
		quit(m);
		return;
	}
	ending_restart(&m->ending);
}

static int message(struct machine *m, const struct qmp_message *msg)
{
	switch (msg->kind) {
	case QMP_GREETING:
		return qmp_send(m->qmp.fd, "qmp_capabilities", m->err);
	case QMP_RETURN:
		return became_ready(m);
	case QMP_ERROR:
		log_warn("QEMU: %s", msg->text);
		return 0;
	case QMP_EVENT:
		log_debug("QEMU: event %s %s", msg->name, msg->text);
		if (str_eq(msg->name, "SHUTDOWN"))
			snprintf(m->reason, sizeof(m->reason), "%s", msg->text);
		if (str_eq(msg->name, "RESET") && str_eq(msg->text, "guest-reset") && !m->quitting)
			guest_reset(m);
		return 0;
	default:
		return 0;
	}
}

/* Without its control socket a machine cannot be powered down: it is not left running. */
static void qmp_lost(struct machine *m)
{
	loop_io_remove(&m->qmp);
	m->ready = false;
	if (!m->exited)
		kill(m->pid, SIGTERM);
	finish_if_done(m);
}

static void qmp_ready(struct loop_io *io, uint32_t events)
{
	struct machine *m = io->data;
	struct qmp_message msg;
	uint8_t *room = buf_reserve(&m->received, 4096);
	ssize_t n = room ? read(io->fd, room, 4096) : -1;
	int r;

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		qmp_lost(m);
		return;
	}
	buf_commit(&m->received, (size_t)n);
	while ((r = qmp_next(&m->received, &msg, m->err)) > 0)
		if (message(m, &msg) < 0) {
			r = -1;
			break;
		}
	if (r < 0) {
		log_error("%s", error_text(m->err));
		qmp_lost(m);
	}
}

static void messages_ready(struct loop_io *io, uint32_t events)
{
	struct machine *m = io->data;
	char chunk[1024];
	ssize_t n = read(io->fd, chunk, sizeof(chunk));

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		loop_io_remove(io);
		finish_if_done(m);
		return;
	}
	/* The last words matter most. Without memory for them the exit status has to do. */
	if (m->said.len > MESSAGES_MAX)
		buf_consume(&m->said, m->said.len - MESSAGES_MAX / 2);
	buf_add(&m->said, chunk, (size_t)n);
}

/* --- the console ------------------------------------------------------------------------------- */

static int log_open(struct machine *m, struct error *err)
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
		else if (log_open(m, &err) < 0)
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

static size_t console_output(void *data, uint8_t *bytes, size_t n)
{
	struct machine *m = data;

	log_write(m, bytes, n);
	ending_feed(&m->ending, bytes, n);
	return m->setup->console ? n : 0;
}

/* From now on what the guest says only goes to the log: it must not be held up. */
static int output_to_nowhere(struct machine *m)
{
	m->null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (m->null < 0)
		return error_set(m->err, errno, "/dev/null");
	m->output.to = m->null;
	return relay_start(&m->output, m->loop, m->err);
}

static void output_ended(void *data, bool target, int code)
{
	struct machine *m = data;

	m->draining = false;
	/* Nobody reads the console any more (`pith run NAME | head`): the machine has no reason to go on. */
	if (target && !m->exited) {
		log_debug("the console's output is closed: %s", strerror(code));
		m->draining = output_to_nowhere(m) == 0;
		if (!m->stopping)
			stop(m);
	}
	finish_if_done(m);
}

static size_t console_input(void *data, uint8_t *bytes, size_t n)
{
	struct machine *m = data;
	enum console_key key;
	size_t left = console_keys(m->setup->console, bytes, n, &key);

	if (key == CONSOLE_POWER_DOWN)
		stop(m);
	if (key == CONSOLE_STOP)
		quit(m);
	return left;
}

static void input_ended(void *data, bool target, int code)
{
	/* The end of our input is not the end of the machine. */
	(void)data;
	(void)target;
	(void)code;
}

/* --- start ------------------------------------------------------------------------------------- */

static int start_qemu(struct machine *m, int messages[2], struct error *err)
{
	int in[2] = { -1, -1 }, out[2] = { -1, -1 }, control[2] = { -1, -1 };
	struct spawn_fd fds[16];
	struct spawn s = { .argv = m->setup->command, .path = m->setup->command[0], .fds = fds, .new_group = true };
	size_t i;

	if (m->setup->fd_count > array_len(fds) - 4)
		return error_set(err, E2BIG, "QEMU's descriptors");
	if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0 || pipe2(messages, O_CLOEXEC) < 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control) < 0) {
		error_set(err, errno, "QEMU's pipes");
		m->pid = -1;
	} else {
		fds[s.fd_count++] = (struct spawn_fd){ in[0], 0 };
		fds[s.fd_count++] = (struct spawn_fd){ out[1], 1 };
		fds[s.fd_count++] = (struct spawn_fd){ messages[1], 2 };
		fds[s.fd_count++] = (struct spawn_fd){ control[1], QEMU_QMP_FD };
		for (i = 0; i < m->setup->fd_count; i++)
			fds[s.fd_count++] = m->setup->fds[i];
		/* QEMU ends cleanly on SIGTERM, should this process be killed. */
		s.death_signal = SIGTERM;
		s.no_new_privileges = !m->setup->privileges;
		m->pid = spawn(&s, err);
	}
	cleanup_close(&in[0]);
	cleanup_close(&out[1]);
	cleanup_close(&messages[1]);
	cleanup_close(&control[1]);
	m->to_guest = in[1];
	m->from_guest = out[0];
	m->qmp.fd = control[0];
	return m->pid < 0 ? -1 : 0;
}

static int watch_helpers(struct machine *m, struct error *err)
{
	size_t i;

	for (i = 0; i < m->setup->helper_count; i++) {
		struct helper *h = &m->helpers[i];

		h->setup = &m->setup->helpers[i];
		h->machine = m;
		h->child = (struct loop_child){ .fn = helper_exited, .data = h };
		if (loop_child_add(m->loop, &h->child, h->setup->pid, err) < 0)
			return -1;
	}
	return 0;
}

static int watch(struct machine *m, int messages, struct error *err)
{
	struct console *c = m->setup->console;

	m->child = (struct loop_child){ .fn = qemu_exited, .data = m };
	m->qmp.events = m->messages.events = EPOLLIN;
	m->qmp.fn = qmp_ready;
	m->messages.fn = messages_ready;
	m->messages.fd = messages;
	m->qmp.data = m->messages.data = m;
	if (!c)
		m->null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	m->output = (struct relay){ m->from_guest, c ? c->out : m->null, console_output, output_ended, m };
	m->input = (struct relay){ c ? c->in : -1, m->to_guest, console_input, input_ended, m };
	if (io_nonblock(m->from_guest) < 0 || io_nonblock(m->to_guest) < 0 || io_nonblock(m->qmp.fd) < 0 ||
	    io_nonblock(messages) < 0)
		return error_set(err, errno, "QEMU's pipes");
	if (loop_child_add(m->loop, &m->child, m->pid, err) < 0 || watch_helpers(m, err) < 0 ||
	    loop_io_add(m->loop, &m->qmp, err) < 0 || loop_io_add(m->loop, &m->messages, err) < 0 ||
	    relay_start(&m->output, m->loop, err) < 0 || (c && c->in >= 0 && relay_start(&m->input, m->loop, err) < 0))
		return -1;
	m->draining = true;
	return c ? console_raw(c, err) : 0;
}

static int listen_to_signals(struct machine *m, struct error *err)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGTSTP);
	sigaddset(&set, SIGCONT);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGTTOU, SIG_IGN); /* putting the terminal back from the background must not stop us */
	return loop_signals(m->loop, &set, signalled, m, err);
}

/* --- the outcome ------------------------------------------------------------------------------- */

/* QEMU's messages, each without its own name in front, joined to one line. */
static char *last_words(struct machine *m)
{
	_cleanup_strv_ char **lines = strv_split(buf_text(&m->said), "\r\n");
	size_t i;

	for (i = 0; lines && lines[i]; i++) {
		const char *colon = strstr(lines[i], ": ");

		if (colon && strstr(lines[i], "qemu") && strstr(lines[i], "qemu") < colon)
			memmove(lines[i], colon + 2, strlen(colon + 2) + 1);
	}
	return lines ? strv_join(lines, "; ") : NULL;
}

static int outcome(struct machine *m, struct error *err)
{
	_cleanup_free_ char *said = last_words(m);
	bool quit_early = m->quitting && WIFSIGNALED(m->status);

	if (said && *said)
		log_debug("QEMU: %s", said);
	if (m->ending.panic[0] && (m->hopeless || str_eq(m->reason, "guest-panic") || str_eq(m->reason, "guest-reset")))
		return error_set(err, 0, "the guest's kernel panicked: %s", m->ending.panic);
	if (m->hopeless)
		return error_set(err, 0,
				 "the guest resets again and again without a word: not enough memory (--mem), or no "
				 "kernel for this machine");
	if (quit_early || str_eq(m->reason, "host-qmp-quit"))
		return error_set(err, 0, "the machine was stopped before its guest had powered down");
	/* A device that ended well did so because QEMU was killed. */
	if (m->lost && (m->status == 0 || m->lost_status != 0))
		return error_set(err, 0, "%s", m->lost);
	if (m->status != 0)
		return error_set(err, 0, "QEMU failed (%s)%s%s%s", spawn_status_text(m->status),
				 said && *said ? ": " : "", said ? said : "",
				 said && strstr(said, "sandbox") ? ": --no-sandbox runs it without" : "");
	if (str_eq(m->reason, "guest-panic"))
		return error_set(err, 0, "the guest's kernel panicked");
	if (str_eq(m->reason, "host-signal") || str_eq(m->reason, "host-error") || str_eq(m->reason, "host-ui"))
		return error_set(err, 0, "the machine was stopped from outside (%s)", m->reason);
	if (m->ending.failure[0])
		return error_set(err, 0, "the machine was not set up: %s", m->ending.failure);
	return 0;
}

static void end_children(struct machine *m)
{
	size_t i;

	if (m->pid > 0 && !m->exited) {
		kill(m->pid, SIGKILL);
		while (waitpid(m->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	/* They see the end of QEMU themselves; this is for one that hangs, and for a start that failed. Their sockets
	 * are gone when they are: the machine can be started again at once. */
	for (i = 0; i < m->setup->helper_count; i++) {
		if (m->helpers[i].setup && !loop_io_active(&m->helpers[i].child.io))
			continue;
		kill(m->setup->helpers[i].pid, SIGTERM);
		while (waitpid(m->setup->helpers[i].pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
}

static int run(struct machine *m, struct error *err)
{
	int messages[2] = { -1, -1 }, r;

	/* Signals first: one that arrives while QEMU starts is not lost. */
	r = listen_to_signals(m, err);
	if (r == 0)
		r = log_open(m, err);
	if (r == 0)
		r = start_qemu(m, messages, err);
	if (r == 0)
		r = watch(m, messages[0], err);
	if (r == 0)
		r = loop_run(m->loop, err);
	end_children(m);
	if (m->setup->console)
		console_restore(m->setup->console);
	cleanup_close(&messages[0]);
	return r < 0 ? -1 : outcome(m, err);
}

int machine_run(const struct machine_setup *setup, struct error *err)
{
	struct machine m = { .setup = setup, .err = err, .to_guest = -1, .from_guest = -1, .log = -1, .null = -1 };
	size_t i;
	int r;

	if (setup->helper_count > array_len(m.helpers))
		return error_set(err, E2BIG, "devices of the machine");
	m.qmp.fd = -1;
	m.button = (struct loop_timer){ .fn = button_due, .data = &m };
	m.deadline = (struct loop_timer){ .fn = deadline_due, .data = &m };
	m.loop = loop_new(err);
	if (!m.loop)
		return -1;
	r = run(&m, err);
	relay_stop(&m.input);
	relay_stop(&m.output);
	loop_child_remove(&m.child);
	for (i = 0; i < setup->helper_count; i++)
		loop_child_remove(&m.helpers[i].child);
	loop_free(m.loop);
	cleanup_close(&m.to_guest);
	cleanup_close(&m.from_guest);
	cleanup_close(&m.qmp.fd);
	cleanup_close(&m.log);
	cleanup_close(&m.null);
	buf_free(&m.received);
	buf_free(&m.said);
	free(m.lost);
	return r;
}
