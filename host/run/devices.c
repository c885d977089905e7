#include "run_private.h"

#include <sched.h>
#include <signal.h>
#include <sys/wait.h>

#include "accel.h"
#include "command.h"
#include "firmware.h"
#include "log.h"
#include "machine.h"
#include "qemu.h"
#include "state.h"
#include "str.h"
#include "virtiofs.h"
#include "vsock.h"
#include "wait.h"

/* Virtual processors that wait for each other want one each. On a host without another one for the device, polling
 * keeps one of them out for as long as the scheduler's slices are: with two on two, one echo in a hundred took 3 ms. */
static bool host_is_small(uint64_t cpus)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) == 0 && (uint64_t)CPU_COUNT(&set) <= cpus;
}

static int start_vsock(struct run *r, struct error *err)
{
	const struct run_options *o = &r->options;
	struct vsock_options v = {
		.state = r->state.dir,
		.ports = o->vsock_ports,
		.hybrid = o->vsock_hybrid,
		.fifos = o->fifos,
		.cid = (uint32_t)o->vsock_cid,
		.no_poll = host_is_small(o->cpus),
		.background = o->detached,
		.qemu_fd = QEMU_VSOCK_FD,
	};

	if (!o->vsock)
		return 0;
	if (vsock_start(&v, &r->vsock, err) < 0)
		return -1;
	r->fds[r->fd_count++] = (struct spawn_fd){ r->vsock.fd, QEMU_VSOCK_FD };
	r->helpers[r->helper_count++] = (struct machine_helper){ r->vsock.pid, "the vsock device", -1 };
	return 0;
}

static int start_shares(struct run *r, struct error *err)
{
	size_t i;

	for (i = 0; r->directories && r->directories[i]; i++) {
		struct virtiofs *v = &r->shares[r->share_count++];

		if (virtiofs_start(r->virtiofsd, r->directories[i], &r->state, (unsigned)i, v, err) < 0)
			return -1;
		r->fds[r->fd_count++] = (struct spawn_fd){ v->fd, QEMU_VIRTIOFS_FD + (int)i };
		r->helpers[r->helper_count++] = (struct machine_helper){ v->pid, v->name, v->log };
	}
	return 0;
}

static int make_command(struct run *r, struct error *err)
{
	struct qemu_setup q = {
		.options = &r->options,
		.boot = &r->boot,
		.program = r->program,
		.kvm = r->accel.kvm,
		.mac = r->mac,
		.uuid = r->uuid,
		.root_format = r->root.name,
		.metadata = r->metadata,
		.firmware = r->firmware.code,
		.firmware_vars = r->vars,
		.vsock = r->vsock.argv,
		.virtiofs_count = r->share_count,
		.virtiofs_fd = QEMU_VIRTIOFS_FD,
	};
	_cleanup_free_ char *shown = NULL;

	r->command = qemu_command(&q, err);
	if (!r->command)
		return -1;
	shown = strv_join(r->command, " ");
	log_debug("%s", shown ? shown : r->program);
	return 0;
}

int run_helpers_start(struct run *r, struct error *err)
{
	if (start_vsock(r, err) == 0 && start_shares(r, err) == 0 && make_command(r, err) == 0)
		return 0;
	while (r->helper_count > 0)
		kill(r->helpers[--r->helper_count].pid, SIGTERM);
	return -1;
}
