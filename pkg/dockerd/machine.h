/* The machine that dockerd is to run in. Its containers are made by the machine's containerd, which sees the machine's
 * own files: dockerd has to see the same ones, or the paths that it names mean something else. So it runs in the
 * namespaces of PID 1, and of its container it keeps the control group, the log and whoever keeps it alive. */
#pragma once

#include "error.h"

/* Enters the namespaces of PID 1. The container has to see the machine's processes (pid: host). */
int machine_enter(struct error *err);

/* Makes what dockerd writes to and expects there: /run/dockerd, /var/lib/docker, and an /etc/docker that can be
 * written, whose changes are kept below /var/lib/docker. */
int machine_prepare(struct error *err);

/* Whether the host opens ports for this machine: somebody listens at its control of ports (vsock, VPNKIT_CONTROL_PORT).
 * Waits for the answer, HOST_ANSWER_SECONDS at most. */
enum machine_ports {
	MACHINE_NO_PORTS,
	MACHINE_HAS_PORTS,
	MACHINE_SILENT, /* it has not answered */
};
enum machine_ports machine_host_ports(void);

/* Removes what a dockerd that was killed has left behind, and would keep the next one from starting. */
int machine_forget_pid(struct error *err);
