#include "machine_private.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io.h"
#include "log.h"
#include "process.h"
#include "qemu.h"
#include "str.h"
#include "toollog.h"

/* After QEMU's end its last words are still to be shown. */
#define DRAIN_US (2 * SECOND)

static void qemu_exited(struct loop_child *child, int status)
{
	struct machine *m = child->data;

	m->exited = true;
	m->status = status;
	loop_timer_disarm(&m->button);
	pump_stop(&m->input);
	machine_arm(m, &m->deadline, DRAIN_US);
	machine_finish(m);
}

/* A device ends with QEMU's end, which QEMU tells beforehand. Before the machine is there the start of one fails by its
 * status, whatever QEMU makes of it. */
static bool helper_failed(struct machine *m, int status)
{
	if (!m->ready)
		return status != 0;
	if (loop_io_active(&m->qmp))
		machine_qmp_ready(&m->qmp, EPOLLIN);
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
			machine_stop(m);
		}
	}
	machine_finish(m);
}

static void machine_signalled(void *data, int signo)
{
	struct machine *m = data;
	struct console *c = m->setup->console;

	if (signo == SIGCONT) {
		if (c && console_raw(c, m->err) < 0)
			machine_stop(m);
	} else if (signo == SIGTSTP) {
		if (c)
			console_restore(c);
		raise(SIGSTOP);
	} else {
		machine_stop(m);
	}
}

/* --- start ------------------------------------------------------------------------------------- */

static int qemu_start(struct machine *m, int messages[2], struct error *err)
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
	for (i = 0; i < m->setup->fd_count; i++)
		close(steal_fd(&m->setup->fds[i].from));
	cleanup_close(&in[0]);
	cleanup_close(&out[1]);
	cleanup_close(&messages[1]);
	cleanup_close(&control[1]);
	m->to_guest = in[1];
	m->from_guest = out[0];
	m->qmp.fd = control[0];
	return m->pid < 0 ? -1 : 0;
}

static int helpers_watch(struct machine *m, struct error *err)
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

static int machine_watch(struct machine *m, int messages, struct error *err)
{
	struct console *c = m->setup->console;

	m->child = (struct loop_child){ .fn = qemu_exited, .data = m };
	m->qmp.events = m->messages.events = EPOLLIN;
	m->qmp.fn = machine_qmp_ready;
	m->messages.fn = machine_messages_ready;
	m->messages.fd = messages;
	m->qmp.data = m->messages.data = m;
	if (!c)
		m->null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	m->output =
		(struct pump){ m->from_guest, c ? c->out : m->null, machine_console_output, machine_output_ended, m };
	m->input = (struct pump){ c ? c->in : -1, m->to_guest, machine_console_input, machine_input_ended, m };
	if (io_nonblock(m->from_guest) < 0 || io_nonblock(m->to_guest) < 0 || io_nonblock(m->qmp.fd) < 0 ||
	    io_nonblock(messages) < 0)
		return error_set(err, errno, "QEMU's pipes");
	if (loop_child_add(m->loop, &m->child, m->pid, err) < 0 || helpers_watch(m, err) < 0 ||
	    loop_io_add(m->loop, &m->qmp, err) < 0 || loop_io_add(m->loop, &m->messages, err) < 0 ||
	    pump_start(&m->output, m->loop, err) < 0 || (c && c->in >= 0 && pump_start(&m->input, m->loop, err) < 0))
		return -1;
	m->draining = true;
	return c ? console_raw(c, err) : 0;
}

static int signals_watch(struct machine *m, struct error *err)
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
	return loop_signals(m->loop, &set, machine_signalled, m, err);
}

static void children_end(struct machine *m)
{
	size_t i;

	if (m->pid > 0 && !m->exited) {
		kill(m->pid, SIGKILL);
		(void)child_reap(m->pid);
	}
	/* They see the end of QEMU themselves; this is for one that hangs, and for a start that failed. Their sockets
	 * are gone when they are: the machine can be started again at once. */
	for (i = 0; i < m->setup->helper_count; i++) {
		if (m->helpers[i].setup && !loop_io_active(&m->helpers[i].child.io))
			continue;
		kill(m->setup->helpers[i].pid, SIGTERM);
		(void)child_reap(m->setup->helpers[i].pid);
	}
}

static int machine_drive(struct machine *m, struct error *err)
{
	int messages[2] = { -1, -1 }, r;

	/* Signals first: one that arrives while QEMU starts is not lost. */
	r = signals_watch(m, err);
	if (r == 0)
		r = machine_log_open(m, err);
	if (r == 0)
		r = qemu_start(m, messages, err);
	if (r == 0)
		r = machine_watch(m, messages[0], err);
	if (r == 0)
		r = loop_run(m->loop, err);
	children_end(m);
	if (m->setup->console)
		console_restore(m->setup->console);
	cleanup_close(&messages[0]);
	return r < 0 ? -1 : machine_outcome(m, err);
}

int machine_run(const struct machine_setup *setup, struct error *err)
{
	struct machine m = { .setup = setup, .err = err, .to_guest = -1, .from_guest = -1, .log = -1, .null = -1 };
	size_t i;
	int r;

	if (setup->helper_count > array_len(m.helpers))
		return error_set(err, E2BIG, "devices of the machine");
	m.qmp.fd = -1;
	m.button = (struct loop_timer){ .fn = machine_button_due, .data = &m };
	m.deadline = (struct loop_timer){ .fn = machine_deadline_due, .data = &m };
	m.loop = loop_new(err);
	if (!m.loop)
		return -1;
	r = machine_drive(&m, err);
	pump_stop(&m.input);
	pump_stop(&m.output);
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
