#include "machine_private.h"

#include <signal.h>

#include "log.h"
#include "qmp.h"

/* A guest that boots, or whose PID 1 is busy, misses the button: it is pressed until the guest has gone. PID 1 takes
 * further ones for the first. */
#define BUTTON_US SECOND
/* QEMU writes back what its disks' caches hold, and ends. */
#define QUIT_US (10 * SECOND)

static bool helpers_active(const struct machine *m)
{
	size_t i;

	for (i = 0; i < m->setup->helper_count; i++)
		if (loop_io_active(&m->helpers[i].child.io))
			return true;
	return false;
}

/* QEMU is gone, and everything that it said before was taken. */
void machine_finish(struct machine *m)
{
	if (m->exited && !m->draining && !loop_io_active(&m->messages) && !loop_io_active(&m->qmp) &&
	    !helpers_active(m))
		loop_quit(m->loop, 0);
}

void machine_arm(struct machine *m, struct loop_timer *timer, uint64_t us)
{
	if (loop_timer_after(m->loop, timer, us, m->err) < 0)
		loop_quit(m->loop, -1);
}

void machine_quit(struct machine *m)
{
	bool again = m->quitting;

	loop_timer_disarm(&m->button);
	m->quitting = true;
	/* SIGKILL when it was told before, and when the control socket does not work. */
	if (again || !m->ready || qmp_send(m->qmp.fd, "quit", NULL) < 0) {
		kill(m->pid, SIGKILL);
		return;
	}
	machine_arm(m, &m->deadline, QUIT_US);
}

void machine_press(struct machine *m)
{
	if (m->ready && qmp_send(m->qmp.fd, "system_powerdown", NULL) < 0)
		machine_quit(m);
	else
		machine_arm(m, &m->button, BUTTON_US);
}

/* First request: the guest shuts down by itself, within the time it has. Second: at once. */
void machine_stop(struct machine *m)
{
	if (m->exited)
		return;
	if (m->stopping || m->setup->stop_timeout_us == 0) {
		machine_quit(m);
		return;
	}
	m->stopping = true;
	if (m->setup->console && m->setup->console->terminal)
		log_info("powering the guest down; again to stop it at once");
	machine_arm(m, &m->deadline, m->setup->stop_timeout_us);
	machine_press(m);
}

void machine_button_due(struct loop_timer *timer)
{
	machine_press(timer->data);
}

void machine_deadline_due(struct loop_timer *timer)
{
	struct machine *m = timer->data;

	if (m->exited) { /* last words take too long */
		loop_quit(m->loop, 0);
		return;
	}
	if (!m->quitting)
		log_warn("the guest did not power down within %llu s: stopping it",
			 (unsigned long long)(m->setup->stop_timeout_us / SECOND));
	machine_quit(m);
}
