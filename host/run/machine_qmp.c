#include "machine_private.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "log.h"
#include "qmp.h"
#include "str.h"

/* QEMU's messages that are kept to be shown when it fails. */
#define MESSAGES_MAX 8192

/* The greeting comes before QEMU has made the machine, the answer to the first command after it. */
static int machine_ready(struct machine *m)
{
	if (m->ready)
		return 0;
	m->ready = true;
	/* A request that came before it. */
	if (m->stopping)
		machine_press(m);
	return m->setup->started ? m->setup->started(m->setup->data, m->pid, m->err) : 0;
}

static void guest_reset(struct machine *m)
{
	if (ending_reset(&m->ending, loop_now()))
		return;
	m->hopeless = true;
	machine_quit(m);
}

/* The machine has stood still, and its clock with it. */
static void guest_resumed(const struct machine *m)
{
	for (size_t i = 0; i < m->setup->helper_count; i++)
		if (m->setup->helpers[i].resumed != 0 && loop_io_active(&m->helpers[i].child.io))
			kill(m->setup->helpers[i].pid, m->setup->helpers[i].resumed);
}

static int message_take(struct machine *m, const struct qmp_message *msg)
{
	switch (msg->kind) {
	case QMP_GREETING:
		return qmp_send(m->qmp.fd, "qmp_capabilities", m->err);
	case QMP_RETURN:
		return machine_ready(m);
	case QMP_ERROR:
		log_warn("QEMU: %s", msg->text);
		return 0;
	case QMP_EVENT:
		log_debug("QEMU: event %s %s", msg->name, msg->text);
		if (str_eq(msg->name, "SHUTDOWN"))
			snprintf(m->reason, sizeof(m->reason), "%s", msg->text);
		if (str_eq(msg->name, "RESET") && str_eq(msg->text, "guest-reset") && !m->quitting)
			guest_reset(m);
		if (str_eq(msg->name, "RESUME"))
			guest_resumed(m);
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
	machine_finish(m);
}

void machine_qmp_ready(struct loop_io *io, uint32_t events)
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
		if (message_take(m, &msg) < 0) {
			r = -1;
			break;
		}
	if (r < 0) {
		log_error("%s", error_text(m->err));
		qmp_lost(m);
	}
}

void machine_messages_ready(struct loop_io *io, uint32_t events)
{
	struct machine *m = io->data;
	char chunk[1024];
	ssize_t n = read(io->fd, chunk, sizeof(chunk));

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		loop_io_remove(io);
		machine_finish(m);
		return;
	}
	/* The last words matter most. Without memory for them the exit status has to do. */
	if (m->said.len > MESSAGES_MAX)
		buf_consume(&m->said, m->said.len - MESSAGES_MAX / 2);
	buf_add(&m->said, chunk, (size_t)n);
}
