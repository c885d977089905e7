/* What the parts of rc.init share. A part is a function that does one step of the boot; it goes on after what fails and
 * returns -1 when the machine is not what the rest may expect of it, with the reason in err. Lesser things are logged
 * where they happen. */
#pragma once

#include <stdbool.h>

#include "buf.h"
#include "error.h"

struct rc {
	struct buf cmdline; /* the kernel's command line; empty where there is no /proc */
	int control;        /* PID 1's socket, to be bound when /run is there; -1: PID 1 is not ours */
};

int rc_mounts(struct rc *rc, struct error *err);
int rc_rcu(struct rc *rc, struct error *err);
int rc_devices(struct rc *rc, struct error *err);
int rc_cgroups(struct rc *rc, struct error *err);
int rc_memory(struct rc *rc, struct error *err);
int rc_control(struct rc *rc, struct error *err);
int rc_coldplug(struct rc *rc, struct error *err);
int rc_clock(struct rc *rc, struct error *err);
int rc_loopback(struct rc *rc, struct error *err);
int rc_limits(struct rc *rc, struct error *err);
int rc_hostname(struct rc *rc, struct error *err);
int rc_resolv_conf(struct rc *rc, struct error *err);

/* Whether this is the machine itself and not a container: the initial PID namespace. Needs /proc. What reaches beyond
 * our own namespaces (clock, kernel modules, file systems of others) is only touched then. */
bool rc_is_machine(void);

/* Runs every executable file of a directory, in the order of their names, one after another, each as one step of the
 * boot report. Failures are logged. */
void rc_run_directory(const char *program, const char *path);

/* Prints /etc/issue, where the image has one and no script for it. */
void rc_issue(void);

/* /etc/shutdown.d, then every process but PID 1 and this one. */
void rc_stop_all(void);

int rc_hotplug_start(struct rc *rc, struct error *err);

/* How people call the tools, for --help and where they are called otherwise. */
#define RC_MODPROBE_USAGE       "modprobe [-q] MODULE [NAME=VALUE]..., modprobe [-q] -a MODULE..."
#define RC_INITCTL_USAGE        "initctl respawn NAME GRACE-SECONDS PATH [ARG...], initctl stop NAME, initctl list"
#define RC_POWEROFF_USAGE(name) name " [-n] [-f]"

/* What the program does by its other names. Each returns an exit status. */
int rc_init(void);
int rc_shutdown(const char *action);
int rc_hotplug(void);
int rc_modprobe(int argc, char **argv);
int rc_initctl(int argc, char **argv);
bool rc_poweroff_has(const char *name);
int rc_poweroff(const char *name, int argc, char **argv);
