/* `pith run`: prepares a machine, runs it to its end, and says how it ended. Everything that can be wrong with what
 * the user asked for is found before QEMU starts; what was made until then goes away again. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "accel.h"
#include "command.h"
#include "console.h"
#include "disk_notes.h"
#include "firmware.h"
#include "io.h"
#include "log.h"
#include "machine.h"
#include "memory.h"
#include "metadata.h"
#include "qemu.h"
#include "state.h"
#include "str.h"
#include "virtiofs.h"
#include "vsock.h"
#include "wait.h"

/* Metadata is a configuration file, not a data transport. */
#define METADATA_MAX (16u << 20)

struct run {
	struct run_options options;
	struct boot boot;
	struct state state;
	struct accel accel;
	struct firmware firmware;
	struct vsock_args vsock;
	struct virtiofs shares[VIRTIOFS_MAX];
	size_t share_count;
	char *program, *mac, *uuid, *metadata, *vars, *virtiofsd;
	struct disk_format root;
	struct buf data;
	char **command;
	char **directories; /* absolute, of the shares */
	struct spawn_fd fds[1 + VIRTIOFS_MAX];
	size_t fd_count;
	struct machine_helper helpers[MACHINE_HELPERS_MAX];
	size_t helper_count;
	int *inherited; /* descriptors of whoever started this program */
	int ready;      /* detached: the pipe to the process in front, else -1 */
	bool started;
};

static void run_clear(struct run *r)
{
	char *const paths[] = { r->program, r->mac, r->uuid, r->metadata, r->vars, r->virtiofsd };
	size_t i;

	for (i = 0; i < array_len(paths); i++)
		free(paths[i]);
	for (i = 0; !r->started && i < r->options.disk_count; i++)
		disk_undo(&r->options.disks[i]);
	if (!r->started)
		state_undo(&r->state);
	state_close(&r->state);
	disk_format_clear(&r->root);
	buf_free(&r->data);
	strv_free(r->command);
	strv_free(r->directories);
	vsock_args_free(&r->vsock);
	for (i = 0; i < r->share_count; i++)
		virtiofs_clear(&r->shares[i]);
	firmware_clear(&r->firmware);
	boot_clear(&r->boot);
	run_options_clear(&r->options);
	free(r->inherited);
	cleanup_close(&r->ready);
}

/* --- before QEMU --------------------------------------------------------------------------------- */

static char *in_path(const char *program)
{
	const char *path = getenv("PATH");
	_cleanup_strv_ char **dirs = strv_split(path ? path : "/usr/local/bin:/usr/bin:/bin", ":");
	size_t i;

	if (strchr(program, '/'))
		return access(program, X_OK) == 0 ? strdup(program) : NULL;
	for (i = 0; dirs && dirs[i]; i++) {
		char *full = str_format("%s/%s", dirs[i], program);

		if (full && access(full, X_OK) == 0)
			return full;
		free(full);
	}
	return NULL;
}

static int choose_arch(struct run *r, struct error *err)
{
	static struct utsname host;
	struct run_options *o = &r->options;

	if (o->arch && r->boot.arch && !str_eq(o->arch, r->boot.arch))
		return error_set(err, 0, "--arch %s: %s is a kernel for %s: `pith build --arch` makes another", o->arch,
				 r->boot.kernel, r->boot.arch);
	if (!o->arch)
		o->arch = r->boot.arch;
	if (!o->arch)
		o->arch = uname(&host) == 0 && str_eq(host.machine, "aarch64") ? "aarch64" : "x86_64";
	return 0;
}

static int find_qemu(struct run *r, struct error *err)
{
	const struct run_options *o = &r->options;
	_cleanup_free_ char *name = o->qemu ? strdup(o->qemu) : str_format("qemu-system-%s", o->arch);

	if (!name)
		return error_set(err, ENOMEM, "QEMU");
	r->program = in_path(name);
	if (r->program)
		return 0;
	if (o->qemu)
		return error_set(err, 0, "--qemu %s: there is no such program", o->qemu);
	return error_set(err, 0, "%s is not installed: apt-get install qemu-system-%s, or name it with --qemu", name,
			 str_eq(o->arch, "aarch64") ? "arm" : "x86");
}

static int check_ports(const struct run *r, struct error *err)
{
	size_t i;

	for (i = 0; i < r->options.port_count; i++)
		if (publish_check(&r->options.ports[i], err) < 0)
			return -1;
	return 0;
}

static int note(struct buf *notes, const char *id, const char *format, const char *path, struct error *err)
{
	_cleanup_buf_ struct buf old = *notes;

	*notes = (struct buf){ 0 };
	return id ? disk_notes_set(notes, buf_text(&old), id, format, path, err) : 0;
}

/* Before any guest writes into them. */
static int note_disks(struct run *r, struct buf *notes, struct error *err)
{
	_cleanup_free_ char *before = strdup(buf_text(notes));
	size_t i;

	if (!before)
		return error_set(err, ENOMEM, "disks");
	if (r->root.id && note(notes, r->root.id, r->root.name, r->boot.root, err) < 0)
		return -1;
	for (i = 0; i < r->options.disk_count; i++) {
		const struct disk *d = &r->options.disks[i];

		if (note(notes, d->id, d->format, d->path, err) < 0)
			return -1;
	}
	if (str_eq(before, buf_text(notes)))
		return 0;
	if (state_made(&r->state, DISK_NOTES, err) < 0)
		return -1;
	return state_write(&r->state, DISK_NOTES, buf_text(notes), notes->len, err);
}

static int prepare_disks(struct run *r, struct error *err)
{
	_cleanup_buf_ struct buf notes = { 0 };
	_cleanup_error_ struct error why = { 0 };
	struct disk_wish wish = { .format = r->options.format, .option = "--format=" };
	size_t i;

	if (state_read(&r->state, DISK_NOTES, DISK_NOTES_MAX, &notes, &why) < 0 && why.code != ENOENT)
		return error_move(err, &why);
	wish.notes = buf_text(&notes);
	if (r->boot.kind == BOOT_DISK && disk_format(r->boot.root, &wish, &r->root, err) < 0)
		return -1;
	for (i = 0; i < r->options.disk_count; i++) {
		struct disk *d = &r->options.disks[i];

		if (disk_prepare(d, &r->state, (unsigned)i, wish.notes, err) < 0)
			return -1;
		if (d->note)
			log_info("%s", d->note);
	}
	return note_disks(r, &notes, err);
}

static int read_metadata(struct run *r, struct error *err)
{
	if (r->options.data_file && file_read(r->options.data_file, METADATA_MAX, &r->data, err) < 0)
		return error_wrap(err, "metadata");
	if (r->options.data && buf_addstr(&r->data, r->options.data) < 0)
		return error_set(err, ENOMEM, "metadata");
	return 0;
}

static int prepare_metadata(struct run *r, struct error *err)
{
	static const char name[] = "data.iso";
	_cleanup_buf_ struct buf image = { 0 };

	if (!r->options.data && !r->options.data_file)
		return 0;
	r->metadata = state_path(&r->state, name, err);
	if (!r->metadata || metadata_image(buf_bytes(&r->data), r->data.len, &image, err) < 0 ||
	    state_made(&r->state, name, err) < 0)
		return -1;
	return state_write(&r->state, name, buf_bytes(&image), image.len, err);
}

/* The firmware's variables are the machine's own. */
static int prepare_firmware(struct run *r, struct error *err)
{
	static const char name[] = "uefi-vars.fd";
	_cleanup_(buf_free) struct buf vars = { 0 };
	struct stat st;

	if (!r->options.uefi)
		return 0;
	if (firmware_find(r->options.firmware, r->options.arch, &r->firmware, err) < 0)
		return -1;
	if (!r->firmware.vars)
		return 0;
	r->vars = state_path(&r->state, name, err);
	if (!r->vars || state_adopt(&r->state, name, err) < 0 || file_read(r->firmware.vars, 64u << 20, &vars, err) < 0)
		return -1;
	/* Those of a firmware of another size would send this one astray. */
	if (stat(r->vars, &st) == 0 && st.st_size == (off_t)vars.len)
		return 0;
	if (state_made(&r->state, name, err) < 0)
		return -1;
	return state_write(&r->state, name, buf_bytes(&vars), vars.len, err);
}

static int check_shares(struct run *r, struct error *err)
{
	const struct run_options *o = &r->options;
	size_t i;

	if (!o->virtiofs)
		return 0;
	r->virtiofsd = virtiofs_find(o->virtiofsd, r->program, err);
	if (!r->virtiofsd)
		return -1;
	for (i = 0; o->virtiofs[i]; i++) {
		char *path = NULL;

		if (virtiofs_check(o->virtiofs[i], &path, err) < 0) {
			free(path);
			return -1;
		}
		if (strv_take(&r->directories, path) < 0)
			return error_set(err, ENOMEM, "--virtiofs");
	}
	return 0;
}

static int open_state(struct run *r, struct error *err)
{
	_cleanup_free_ char *dir = r->options.state ? strdup(r->options.state) : str_format("%s-state", r->boot.prefix);

	return dir ? state_open(&r->state, dir, err) : error_set(err, ENOMEM, "state directory");
}

/* Whether the machine can be had. What the user names is read here, and may be a pipe: a signal ends this, since
 * nothing is made yet. */
static int look(struct run *r, struct error *err)
{
	const struct run_options *o = &r->options;

	if (boot_find(o->name, o->kind, &r->boot, err) < 0 || choose_arch(r, err) < 0 || find_qemu(r, err) < 0 ||
	    boot_check(&r->boot, err) < 0 || check_ports(r, err) < 0 || check_shares(r, err) < 0)
		return -1;
	/* a firmware has its own ways to place them */
	if (!o->low_memory && !o->uefi && memory_check(&r->boot, o->memory, err) < 0)
		return -1;
	return read_metadata(r, err);
}

static int prepare(struct run *r, struct error *err)
{
	const struct run_options *o = &r->options;

	if (open_state(r, err) < 0 || prepare_disks(r, err) < 0 || prepare_metadata(r, err) < 0 ||
	    prepare_firmware(r, err) < 0)
		return -1;
	r->mac = state_mac(&r->state, err);
	r->uuid = r->mac ? file_line("/proc/sys/kernel/random/uuid", err) : NULL;
	if (!r->uuid)
		return -1;
	return accel_choose(o->accel, o->arch, r->program, &r->accel, err);
}

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

/* Nothing of it may outlive a machine that never ran. */
static int start_helpers(struct run *r, struct error *err)
{
	if (start_vsock(r, err) == 0 && start_shares(r, err) == 0 && make_command(r, err) == 0)
		return 0;
	while (r->helper_count > 0)
		kill(r->helpers[--r->helper_count].pid, SIGTERM);
	return -1;
}

/* --- the machine --------------------------------------------------------------------------------- */

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
static int started(void *data, pid_t qemu, struct error *err)
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
		.started = started,
		.data = r,
	};
	int result;

	if (state_made(&r->state, "console.log", err) < 0 || start_helpers(r, err) < 0)
		return -1;
	m.command = r->command;
	m.fd_count = r->fd_count;
	m.helpers = r->helpers;
	m.helper_count = r->helper_count;
	if (r->ready < 0) {
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

/* --- in the background --------------------------------------------------------------------------- */

static void mask_signals(int how)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(how, &set, NULL);
}

/* A signal that comes while the machine is prepared is seen when it runs, and nothing half-made stays behind. */
static void block_signals(void)
{
	mask_signals(SIG_BLOCK);
}

static void allow_signals(void)
{
	mask_signals(SIG_UNBLOCK);
}

/* Of a machine that runs already: whatever is wrong, it goes on. */
static int wait_guest(const struct run *r)
{
	_cleanup_error_ struct error err = { 0 };
	int status = r->options.wait == RUN_WAIT_READY ? wait_for_services(r->state.dir, &err)
		: r->options.wait == RUN_WAIT_AGENT    ? wait_for_agent(r->state.dir, &err)
						       : 0;

	if (status < 0)
		log_error("%s", error_text(&err));
	return status == 0 ? 0 : 1;
}

/* The process in front: 0 once the machine is there, 1 when the other ended without one, having said why. */
static int wait_ready(int fd, const struct run *r)
{
	_cleanup_free_ char *title = state_title(r->state.dir);
	char c;

	if (io_read(fd, &c, 1) != 1)
		return 1;
	log_info("the machine runs, with its state in %s: `pith stop %s` powers it down", r->state.dir,
		 title ? title : r->state.dir);
	return wait_guest(r);
}

/* Forks: the child, in a session of its own, returns -1 and goes on; the parent gets its exit status. */
static int detach(struct run *r, struct error *err, bool *failed)
{
	int pipefd[2];
	pid_t pid, front = getpid();

	*failed = true;
	if (pipe2(pipefd, O_CLOEXEC) < 0)
		return error_set(err, errno, "pipe");
	pid = fork();
	if (pid < 0) {
		close(pipefd[0]);
		close(pipefd[1]);
		return error_set(err, errno, "fork");
	}
	*failed = false;
	if (pid > 0) {
		int status;

		close(pipefd[1]);
		allow_signals();
		status = wait_ready(pipefd[0], r);
		close(pipefd[0]);
		return status;
	}
	close(pipefd[0]);
	/* A pipe or lock among them would last as long as the machine. */
	for (int *fd = r->inherited; fd && *fd >= 0; fd++)
		close(*fd);
	setsid(); /* a new process leads no group: this cannot fail */
	r->ready = pipefd[1];
	/* As long as somebody waits in front, a signal to him is one to the machine. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != front)
		raise(SIGTERM); /* blocked until the machine listens */
	if (state_claim(&r->state, err) < 0)
		*failed = true;
	return -1;
}

static int report(struct error *err)
{
	log_error("%s", error_text(err));
	return 1;
}

static int run(struct run *r)
{
	_cleanup_error_ struct error err = { 0 };

	if (look(r, &err) < 0)
		return report(&err);
	block_signals();
	if (prepare(r, &err) < 0)
		return report(&err);
	if (r->accel.why)
		log_info("no KVM: %s; QEMU translates, which is slower", r->accel.why);
	if (r->options.detached) {
		bool failed;
		int status = detach(r, &err, &failed);

		if (failed)
			return report(&err);
		if (status >= 0) {
			r->started = true; /* whatever is to be undone is the other's to undo */
			return status;
		}
	}
	return run_machine(r, &err) < 0 ? report(&err) : 0;
}

static int run_main(const struct command *c, char **argv)
{
	struct run r = { .state = STATE_INIT, .ready = -1, .inherited = io_open_fds() };
	_cleanup_error_ struct error err = { 0 };
	int status;

	/* Neither QEMU nor a device of the machine gets them. */
	for (int *fd = r.inherited; fd && *fd >= 0; fd++)
		fcntl(*fd, F_SETFD, FD_CLOEXEC);

	r.vsock.fd = -1;
	status = run_options_parse(c, argv, &r.options, &err);
	if (status < 0) {
		status = command_refuse(&err);
	} else if (status == OPTION_HELP) {
		command_help(c, stdout);
		status = 0;
	} else {
		status = run(&r);
	}
	run_clear(&r);
	return status;
}

static const char *const run_usage[] = { "[qemu] [OPTION...] NAME", NULL };

const struct command run_command = {
	.name = "run",
	.summary = "boot a machine image in QEMU",
	.usage = run_usage,
	.text = "Boots the image that `pith build` wrote under the prefix NAME, an ISO image or a disk image in QEMU. "
		"The "
		"console is on the terminal. Ctrl-C powers the guest down, a second one stops it at once; Ctrl-A is a "
		"prefix: Ctrl-A C sends Ctrl-C to the guest, Ctrl-A X stops at once, Ctrl-A Ctrl-A sends Ctrl-A.",
	.options = run_table,
	.run = run_main,
};
