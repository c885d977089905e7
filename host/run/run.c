/* `pith run`: prepares a machine, runs it to its end, and says how it ended. Everything that can be wrong with what
 * the user asked for is found before QEMU starts; what was made until then goes away again. */
#include "run_private.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "accel.h"
#include "command.h"
#include "console.h"
#include "firmware.h"
#include "io.h"
#include "log.h"
#include "machine.h"
#include "qemu.h"
#include "state.h"
#include "str.h"
#include "virtiofs.h"
#include "vsock.h"
#include "wait.h"

static void run_clear(struct run *r)
{
	char *const paths[] = { r->program, r->mac, r->uuid, r->metadata, r->vars, r->virtiofsd, r->swtpm };
	size_t i;

	for (i = 0; i < array_len(paths); i++)
		free(paths[i]);
	for (i = 0; !r->started && i < r->options.disk_count; i++)
		disk_undo(&r->options.disks[i]);
	if (!r->started)
		tpm_undo(&r->tpm, &r->state);
	if (!r->started)
		state_undo(&r->state);
	state_close(&r->state);
	disk_format_clear(&r->root);
	buf_free(&r->data);
	strv_free(r->command);
	strv_free(r->directories);
	run_fds_close(r);
	vsock_args_free(&r->vsock);
	cleanup_close(&r->forward.life);
	tpm_clear(&r->tpm);
	for (i = 0; i < r->share_count; i++)
		virtiofs_clear(&r->shares[i]);
	firmware_clear(&r->firmware);
	boot_clear(&r->boot);
	run_options_clear(&r->options);
	free(r->inherited);
	cleanup_close(&r->ready);
}

static int write_pid(struct run *r, const char *name, pid_t pid, struct error *err)
{
	char text[24];
	int n = snprintf(text, sizeof(text), "%d\n", (int)pid);

	if (state_made(&r->state, name, err) < 0)
		return -1;
	return state_write(&r->state, name, text, (size_t)n, err);
}

static void remove_pids(struct run *r)
{
	state_remove(&r->state, "qemu.pid");
	state_remove(&r->state, "pith.pid");
}

/* From here on the machine's disks and state are its own. */
static int machine_started(void *data, pid_t qemu, struct error *err)
{
	struct run *r = data;
	int null;

	if (write_pid(r, "qemu.pid", qemu, err) < 0 || write_pid(r, "pith.pid", getpid(), err) < 0)
		return -1;
	r->started = true;
	if (r->ready < 0)
		return 0;
	/* In the background: the process in front goes, and nothing of its terminal is kept. */
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0)
		return error_set(err, errno, "/dev/null");
	if (null > 2)
		close(null);
	prctl(PR_SET_PDEATHSIG, 0);
	if (io_write(r->ready, "+", 1) < 0)
		log_debug("nobody waits for the machine");
	close(steal_fd(&r->ready));
	return 0;
}

static int run_machine(struct run *r, struct error *err)
{
	_cleanup_(console_close) struct console console = { .in = -1, .out = -1 };
	struct machine_setup m = {
		.fds = r->fds,
		.privileges = qemu_has_privileges(&r->options),
		.stop_timeout_us = r->options.stop_timeout * 1000000,
		.state = &r->state,
		.started = machine_started,
		.data = r,
	};
	int result;

	if (state_made(&r->state, "console.log", err) < 0 || run_helpers_start(r, err) < 0)
		return -1;
	m.command = r->command;
	m.fd_count = r->fd_count;
	m.helpers = r->helpers;
	m.helper_count = r->helper_count;
	if (r->ready < 0 && !r->options.console_file) {
		console_open(&console, true, r->options.raw_console);
		m.console = &console;
		if (console.terminal)
			log_info("%s",
				 r->options.raw_console ? "Ctrl-A X ends the machine at once"
							: "Ctrl-C powers the machine down");
	}
	result = machine_run(&m, err);
	remove_pids(r);
	return result;
}

static int error_report(struct error *err)
{
	log_error("%s", error_text(err));
	return 1;
}

static int run_go(struct run *r)
{
	_cleanup_error_ struct error err = { 0 };

	if (run_look(r, &err) < 0)
		return error_report(&err);
	run_signals_block();
	if (run_prepare(r, &err) < 0)
		return error_report(&err);
	if (r->accel.why)
		log_info("no KVM: %s; QEMU translates, which is slower", r->accel.why);
	if (r->options.detached) {
		bool failed;
		int status = run_detach(r, &err, &failed);

		if (failed)
			return error_report(&err);
		if (status >= 0) {
			r->started = true; /* whatever is to be undone is the other's to undo */
			return status;
		}
	}
	return run_machine(r, &err) < 0 ? error_report(&err) : 0;
}

static int run_main(const struct command *c, char **argv)
{
	struct run r = { .state = STATE_INIT, .tpm = TPM_INIT, .ready = -1, .inherited = io_open_fds() };
	_cleanup_error_ struct error err = { 0 };
	int status;

	/* Neither QEMU nor a device of the machine gets them. */
	for (int *fd = r.inherited; fd && *fd >= 0; fd++)
		fcntl(*fd, F_SETFD, FD_CLOEXEC);

	r.vsock.fd = r.forward.life = -1;
	status = run_options_parse(c, argv, &r.options, &err);
	if (status < 0) {
		status = command_refuse(&err);
	} else if (status == OPTION_HELP) {
		command_help(c, stdout);
		status = 0;
	} else {
		status = run_go(&r);
	}
	run_clear(&r);
	return status;
}

static const char *const run_usage[] = { "[BACKEND] [OPTION...] NAME", NULL };

const struct command run_command = {
	.name = "run",
	.summary = "boot a machine image in QEMU",
	.usage = run_usage,
	.text = "Boots the image that `pith build` wrote under the prefix NAME, an ISO image or a disk image in QEMU. "
		"The "
		"console is on the terminal. Ctrl-C powers the guest down, a second one stops it at once; Ctrl-A is a "
		"prefix: Ctrl-A C sends Ctrl-C to the guest, Ctrl-A X stops at once, Ctrl-A Ctrl-A sends Ctrl-A.\n"
		"\n"
		"BACKEND is qemu, hyperkit, virtualization or virtualization.framework, as LinuxKit has them. The "
		"machine "
		"runs in QEMU, whichever it is; those of macOS make raw disks, and have VPNKit's addresses.",
	.options = run_table,
	.run = run_main,
};
