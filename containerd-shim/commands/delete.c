/* The `delete` command: for a shim that was killed, or that containerd cannot reach. Whatever of the container there
 * may be is ended and removed: each step goes on where the one before has failed. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bundle.h"
#include "command.h"
#include "exit_record.h"
#include "io.h"
#include "leftovers.h"
#include "log.h"
#include "pid_file.h"
#include "reply.h"
#include "rootfs.h"
#include "runtime.h"
#include "spawn.h"
#include "str.h"
#include "ttrpc.h"
#include "unixsock.h"

enum {
	RUNTIME_US = 30 * 1000000,
	RUNTIME_TRIES = 3,
	LEFTOVER_TRIES = 100,
	LEFTOVER_MS = 20,
	SHIM_MS = 1000,
	SHIM_TRIES = 3,
};

static void runtime_delete(const struct command *c, const struct bundle_options *options)
{
	_cleanup_error_ struct error e = { 0 };
	_cleanup_strv_ char **argv = NULL;
	_cleanup_buf_ struct buf said = { 0 };
	struct runtime rt;
	struct spawn s;
	int status;

	rt = (struct runtime){ .path = options->binary,
			       .root = options->root,
			       .systemd_cgroup = options->systemd_cgroup };
	argv = runtime_argv(&rt, "delete", "--force", c->id, NULL);
	s = (struct spawn){ .path = options->binary, .argv = argv, .plain_oom_score = true };
	status = argv ? spawn_wait(&s, &said, 16384, RUNTIME_US, &e) : error_set(&e, ENOMEM, "runtime");
	if (status < 0)
		log_warn("%s", error_text(&e));
	else if (status != 0 && !strstr(buf_text(&said), "does not exist"))
		log_warn("%s delete: %s: %s", options->binary, spawn_status_text(status), buf_text(&said));
}

/* Processes and groups that the runtime had not written down yet, or could not end. */
static void leftovers_end(const struct command *c, const char *bundle)
{
	_cleanup_bundle_config_ struct bundle_config config = { 0 };
	_cleanup_cgroups_ struct cgroups groups = { 0 };
	_cleanup_error_ struct error e = { 0 };

	if (bundle_config_read(bundle, &config, &e) < 0 ||
	    leftovers_cgroups(config.cgroups_path, c->id, &groups, &e) < 0) {
		if (e.code != ENOENT)
			log_warn("%s", error_text(&e));
		return;
	}
	/* The kernel tells nobody when a group has become empty. */
	for (int i = 0; i < LEFTOVER_TRIES && leftovers_remove(&groups) > 0; i++)
		(void)poll(NULL, 0, LEFTOVER_MS);
}

/* A killed shim closes its connections a moment before the runtime that it has started is told to die: what that has
 * made meanwhile goes with another try. */
static void container_delete(const struct command *c, const char *bundle)
{
	_cleanup_bundle_options_ struct bundle_options options = { 0 };
	_cleanup_error_ struct error e = { 0 };
	_cleanup_free_ char *state = NULL;

	if (bundle_options_load(bundle, c->namespace, &options, &e) < 0) {
		log_warn("%s", error_text(&e));
		return;
	}
	state = str_format("%s/%s", options.root, c->id);
	for (int i = 0; i < RUNTIME_TRIES; i++) {
		runtime_delete(c, &options);
		leftovers_end(c, bundle);
		if (!state || access(state, F_OK) < 0)
			return;
		(void)poll(NULL, 0, LEFTOVER_MS);
	}
}

/* --- the shim ----------------------------------------------------------------------------------------------------- */

/* Bounded in time: a shim that hangs is no reason to hang. */
static int wait_readable(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	return poll(&p, 1, SHIM_MS) == 1 ? 0 : -1;
}

/* Tells a shim that lives after all that this container is gone. Whether it has answered. */
static bool shim_tell(const struct command *c, int fd)
{
	Containerd__Task__V2__ShutdownRequest request = CONTAINERD__TASK__V2__SHUTDOWN_REQUEST__INIT;
	_cleanup_buf_ struct buf out = { 0 };
	char drop[256];

	request.id = (char *)c->id;
	request.now = true;
	if (ttrpc_add_request(&out, 1, "containerd.task.v2.Task", "Shutdown", (int64_t)SHIM_MS * 1000000,
			      &request.base) < 0)
		return false;
	/* A new socket's buffer takes a message this small. What the answer says changes nothing. */
	return send(fd, buf_bytes(&out), out.len, MSG_NOSIGNAL) == (ssize_t)out.len && wait_readable(fd, POLLIN) == 0 &&
		recv(fd, drop, sizeof(drop), 0) > 0;
}

static void shim_end(const struct command *c, const char *bundle)
{
	_cleanup_free_ char *file = str_format("%s/address", bundle);
	_cleanup_free_ char *address = file ? file_line(file, NULL) : NULL;
	struct sockaddr_un sockaddr;
	const char *path;

	if (!address)
		return;
	path = str_starts(address, "unix://") ? address + strlen("unix://") : address;
	if (*path != '/' || unixsock_address(&sockaddr, -1, NULL, path) < 0)
		return;
	/* One that is being killed still takes connections, and answers none. */
	for (int i = 0; i < SHIM_TRIES; i++) {
		_cleanup_close_ int fd = unixsock_connect(&sockaddr, SOCK_STREAM);

		if (fd < 0 && errno == ECONNREFUSED)
			unlink(path); /* what a killed shim could not do */
		if (fd < 0 || shim_tell(c, fd))
			return;
		(void)poll(NULL, 0, LEFTOVER_MS);
	}
	log_warn("the shim does not answer");
}

/* --- all of it ---------------------------------------------------------------------------------------------------- */

/* As the shim has seen it; else it is killed now. */
static struct exit_record end_of(const char *bundle, int pid)
{
	struct exit_record r = { 0 };
	_cleanup_error_ struct error e = { 0 };

	if (exit_record_load(bundle, &r, &e) == 0 && (pid == 0 || r.pid == pid))
		return r;
	if (e.msg && e.code != ENOENT)
		log_warn("%s", error_text(&e));
	r = (struct exit_record){ .pid = pid, .status = 128 + SIGKILL };
	clock_gettime(CLOCK_REALTIME, &r.at);
	return r;
}

static int answer_write(const struct exit_record *end, struct error *err)
{
	Containerd__Task__V2__DeleteResponse response = CONTAINERD__TASK__V2__DELETE_RESPONSE__INIT;
	Google__Protobuf__Timestamp at;
	uint8_t packed[64];
	size_t n;

	response.pid = (uint32_t)end->pid;
	response.exit_status = end->status;
	response.exited_at = reply_time(&at, &end->at);
	n = containerd__task__v2__delete_response__get_packed_size(&response);
	if (n > sizeof(packed))
		return error_set(err, EOVERFLOW, "answer");
	containerd__task__v2__delete_response__pack(&response, packed);
	return io_write(STDOUT_FILENO, packed, n) < 0 ? error_set(err, errno, "standard output") : 0;
}

static void mounts_remove(const char *bundle)
{
	_cleanup_free_ char *rootfs = str_format("%s/rootfs", bundle);
	_cleanup_error_ struct error e = { 0 };

	if (!rootfs)
		error_set(&e, ENOMEM, "%s", bundle);
	else if (rootfs_unmount(rootfs, &e) == 0)
		return;
	log_warn("%s", error_text(&e));
}

int command_delete(const struct command *c, struct error *err)
{
	_cleanup_free_ char *cwd = realpath(".", NULL), *bundle = NULL, *pid_file = NULL;
	_cleanup_error_ struct error e = { 0 };
	struct exit_record end;
	pid_t pid = 0;

	if (!c->id || !*c->id || !c->namespace || !*c->namespace)
		return error_set(err, 0, "no -%s", !c->id || !*c->id ? "id" : "namespace");
	if (c->bundle && *c->bundle)
		bundle = strdup(c->bundle);
	else if (cwd)
		bundle = strdup(cwd);
	pid_file = bundle ? str_format("%s/init.pid", bundle) : NULL;
	if (!pid_file)
		return error_set(err, errno, "bundle");
	if (pid_file_read(pid_file, &pid, &e) < 0) {
		if (e.code != ENOENT)
			log_warn("%s", error_text(&e));
		error_clear(&e);
	}
	container_delete(c, bundle);
	shim_end(c, bundle);
	mounts_remove(bundle);
	end = end_of(bundle, pid);
	return answer_write(&end, err);
}
