#include "run_private.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
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

	_cleanup_free_ char *ports = o->forward ? vsock_ports_with(o->vsock_ports, FORWARD_VSOCK_PORTS) : NULL;

	if (!o->vsock)
		return 0;
	if (o->forward && !ports)
		return error_set(err, ENOMEM, "vsock device");
	if (ports)
		v.ports = ports;
	if (vsock_start(&v, &r->vsock, err) < 0)
		return -1;
	r->fds[r->fd_count++] = (struct spawn_fd){ steal_fd(&r->vsock.fd), QEMU_VSOCK_FD };
	r->helpers[r->helper_count++] = (struct machine_helper){ r->vsock.pid, "the vsock device", -1, SIGUSR2 };
	return 0;
}

static int publish_add(const struct publish *p, char ***ports)
{
	const char *kind = p->udp ? "udp" : "tcp";

	return strv_addf(ports, "%s:%s:%u:%s:127.0.0.1:%u", kind, publish_address(p), p->host, kind, p->guest);
}

/* After the vsock device, over whose sockets it goes. */
static int start_forward(struct run *r, struct error *err)
{
	const struct run_options *o = &r->options;
	_cleanup_strv_ char **ports = NULL;
	struct forward_options f = { .state = r->state.dir, .allow = o->forward_allow, .background = o->detached };

	if (!o->forward)
		return 0;
	for (size_t i = 0; i < o->port_count; i++)
		if (publish_add(&o->ports[i], &ports) < 0)
			return error_set(err, ENOMEM, "ports");
	f.ports = ports;
	if (forward_start(&f, &r->forward, err) < 0)
		return -1;
	r->fds[r->fd_count++] = (struct spawn_fd){ steal_fd(&r->forward.life), QEMU_FORWARD_FD };
	r->helpers[r->helper_count++] = (struct machine_helper){ r->forward.pid, "the forwarder of ports", -1, 0 };
	return 0;
}

static int start_tpm(struct run *r, struct error *err)
{
	if (!r->swtpm)
		return 0;
	if (tpm_start(r->swtpm, &r->state, &r->tpm, err) < 0)
		return -1;
	r->fds[r->fd_count++] = (struct spawn_fd){ steal_fd(&r->tpm.fd), QEMU_TPM_FD };
	r->helpers[r->helper_count++] = (struct machine_helper){ r->tpm.pid, "the TPM (swtpm)", r->tpm.log, 0 };
	return 0;
}

static int start_shares(struct run *r, struct error *err)
{
	size_t i;

	for (i = 0; r->directories && r->directories[i]; i++) {
		struct virtiofs *v = &r->shares[r->share_count++];

		if (virtiofs_start(r->virtiofsd, r->directories[i], &r->state, (unsigned)i, v, err) < 0)
			return -1;
		r->fds[r->fd_count++] = (struct spawn_fd){ steal_fd(&v->fd), QEMU_VIRTIOFS_FD + (int)i };
		r->helpers[r->helper_count++] = (struct machine_helper){ v->pid, v->name, v->log, 0 };
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
		.tpm = r->swtpm != NULL,
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

void run_fds_close(struct run *r)
{
	while (r->fd_count > 0)
		cleanup_close(&r->fds[--r->fd_count].from);
}

int run_helpers_start(struct run *r, struct error *err)
{
	/* The TPM last: it writes into the state directory, which a failure of the others would have to remove. */
	if (start_vsock(r, err) == 0 && start_forward(r, err) == 0 && start_shares(r, err) == 0 &&
	    start_tpm(r, err) == 0 && make_command(r, err) == 0)
		return 0;
	run_fds_close(r);
	while (r->helper_count > 0)
		kill(r->helpers[--r->helper_count].pid, SIGTERM);
	return -1;
}
