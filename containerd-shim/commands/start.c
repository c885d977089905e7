/* The `start` command.
 *
 * Unlike most shims this one is not started a second time to become the daemon: a fork is enough, and a tenth of the
 * time. The socket listens before there is a daemon, so that containerd may connect as soon as it has the address. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bootstrap.pb-c.h"
#include "bundle.h"
#include "cgroup.h"
#include "command.h"
#include "daemon.h"
#include "io.h"
#include "log.h"
#include "options.h"
#include "sha256.h"
#include "str.h"
#include "unixsock.h"

#define SOCKET_DIR "/run/containerd/s"

#ifndef PR_SCHED_CORE
#define PR_SCHED_CORE        62
#define PR_SCHED_CORE_CREATE 1
#endif

enum {
	INPUT_MAX = 10 << 20,
	BACKLOG = 128,
};

/* --- what we are told --------------------------------------------------------------------------------------------- */

static bool field_fits(const char *flag, const char *field)
{
	return !flag || !*flag || str_eq(flag, field);
}

int start_params_parse(const void *input, size_t n, const char *id, const char *namespace, struct start_params *out,
		       struct error *err)
{
	Containerd__Runtime__Bootstrap__V1__BootstrapParams *b;

	*out = (struct start_params){ .id = id, .namespace = namespace };
	if (n == 0)
		return 0;
	b = containerd__runtime__bootstrap__v1__bootstrap_params__unpack(NULL, n, input);
	/* Options can look like parameters: those name whom they are for. */
	if (b && *b->instance_id && field_fits(id, b->instance_id) && *b->namespace_ &&
	    field_fits(namespace, b->namespace_)) {
		out->bootstrap = true;
		out->bootstrap_message = b;
		out->id = b->instance_id;
		out->namespace = b->namespace_;
		out->debug = (int)b->log_level <= CONTAINERD__RUNTIME__BOOTSTRAP__V1__LOG_LEVEL__LOG_LEVEL_DEBUG;
		out->grpc_address = b->containerd_grpc_address;
		out->ttrpc_address = b->containerd_ttrpc_address;
		out->binary = b->containerd_binary;
		out->socket_dir = b->socket_dir;
		for (size_t i = 0; i < b->n_extensions; i++)
			if (b->extensions[i]->value && options_are_known(b->extensions[i]->value))
				out->options = b->extensions[i]->value;
		return 0;
	}
	if (b)
		containerd__runtime__bootstrap__v1__bootstrap_params__free_unpacked(b, NULL);
	out->options_message = google__protobuf__any__unpack(NULL, n, input);
	if (!out->options_message)
		return error_set(err, 0, "standard input is neither bootstrap parameters nor options");
	if (options_are_known(out->options_message))
		out->options = out->options_message;
	return 0;
}

void start_params_clear(struct start_params *p)
{
	if (p->bootstrap_message)
		containerd__runtime__bootstrap__v1__bootstrap_params__free_unpacked(p->bootstrap_message, NULL);
	if (p->options_message)
		google__protobuf__any__free_unpacked(p->options_message, NULL);
	*p = (struct start_params){ 0 };
}

/* --- the answer --------------------------------------------------------------------------------------------------- */

static int answer_bootstrap(const char *address, struct buf *out)
{
	Containerd__Runtime__Bootstrap__V1__BootstrapResult r =
		CONTAINERD__RUNTIME__BOOTSTRAP__V1__BOOTSTRAP_RESULT__INIT;
	uint8_t *p;
	size_t n;

	r.version = 3;
	r.address = (char *)address;
	r.protocol = (char *)"ttrpc";
	n = containerd__runtime__bootstrap__v1__bootstrap_result__get_packed_size(&r);
	p = buf_reserve(out, n);
	if (!p)
		return -1;
	buf_commit(out, containerd__runtime__bootstrap__v1__bootstrap_result__pack(&r, p));
	return 0;
}

/* In the form that the caller knows: it says up to which version. */
static int answer_write(const struct start_params *p, const char *address, struct error *err)
{
	const char *max = getenv("MAX_SHIM_VERSION");
	_cleanup_buf_ struct buf out = { 0 };
	uint64_t version = 0;
	int r;

	if (max && str_to_u64(max, 1000, &version) < 0)
		version = 0;
	if (p->bootstrap)
		r = answer_bootstrap(address, &out);
	else if (version >= 2)
		r = buf_addf(&out, "{\"version\":%d,\"address\":\"%s\",\"protocol\":\"ttrpc\"}", version > 2 ? 3 : 2,
			     address);
	else
		r = buf_addstr(&out, address);
	if (r < 0)
		return error_set(err, ENOMEM, "answer");
	if (io_write(STDOUT_FILENO, buf_bytes(&out), out.len) < 0)
		return error_set(err, errno, "standard output");
	return 0;
}

/* For containerd 1.6, which looks there when it was restarted. */
static int address_save(const char *address, struct error *err)
{
	return bundle_save(".", "address", address, strlen(address), err);
}

/* --- the socket --------------------------------------------------------------------------------------------------- */

static char *socket_path(const struct start_params *p, const char *grpc_address, const char *group)
{
	_cleanup_free_ char *key = str_format("%s/%s/%s", grpc_address ? grpc_address : "", p->namespace, group);
	const char *dir = p->socket_dir && *p->socket_dir ? p->socket_dir : SOCKET_DIR;
	char hex[65];

	if (!key)
		return NULL;
	sha256_hex(key, strlen(key), hex);
	return str_format("%s/%s", dir, hex);
}

/* A listening socket; -1 with EADDRINUSE when there is a shim at it already. */
static int socket_make(const char *path, struct error *err)
{
	_cleanup_free_ char *dir = strdup(path);
	_cleanup_close_ int lock = -1;
	struct sockaddr_un address;
	mode_t mask;
	int fd;

	if (!dir)
		return error_set(err, ENOMEM, "socket");
	*strrchr(dir, '/') = '\0';
	if (dir_make(dir, 0711, err) < 0)
		return -1;
	/* Between bind and listen a socket looks like one that nobody listens at any more. */
	lock = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (lock < 0 || flock(lock, LOCK_EX) < 0)
		return error_set(err, errno, "%s", dir);
	if (unixsock_address(&address, lock, NULL, path) < 0)
		return error_set(err, errno, "socket %s", path);
	mask = umask(0177);
	fd = unixsock_listen(&address, SOCK_STREAM, BACKLOG, err);
	umask(mask);
	return fd;
}

/* --- the daemon --------------------------------------------------------------------------------------------------- */

/* Standard error goes to containerd's log, as long as that listens. */
static void daemon_stdio(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), log = open("log", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (null >= 0) {
		/* A shim without /dev/null would keep containerd waiting: nothing better can be done then. */
		(void)dup2(null, STDIN_FILENO);
		(void)dup2(null, STDOUT_FILENO);
		(void)dup2(log >= 0 ? log : null, STDERR_FILENO);
		if (null > STDERR_FILENO)
			close(null);
	}
	if (log > STDERR_FILENO)
		close(log);
}

static int oom_score_set(pid_t pid, struct error *err)
{
	_cleanup_free_ char *line = str_format("/proc/%d/oom_score_adj", (int)getppid()), *now = NULL;
	_cleanup_free_ char *path = str_format("/proc/%d/oom_score_adj", (int)pid);
	char text[32];
	long score;

	now = line ? file_line(line, err) : NULL;
	if (!now || !path)
		return -1;
	/* containerd is to survive us, and we our containers. */
	score = strtol(now, NULL, 10) + 1;
	snprintf(text, sizeof(text), "%ld", score > 1000 ? 1000 : score);
	return file_poke(path, text, err);
}

/* Puts the daemon into the group that the options name, in every tree. */
static int cgroup_join(pid_t pid, const Google__Protobuf__Any *any, struct error *err)
{
	static const char *const trees[] = { "blkio",      "cpu",     "cpuacct", "cpuset",  "devices",
					     "freezer",    "hugetlb", "memory",  "net_cls", "net_prio",
					     "perf_event", "pids",    "rdma",    "systemd" };
	_cleanup_runc_options_ runc_options *o = options_read(any, NULL, err);
	const char *group = o ? o->shim_cgroup : NULL;
	char text[16];
	int joined = 0;

	if (!o)
		return -1;
	if (!*group)
		return 0;
	if (strstr(group, ".."))
		return error_set(err, EINVAL, "cgroup %s", group);
	snprintf(text, sizeof(text), "%d", (int)pid);
	for (size_t i = 0; i < array_len(trees); i++) {
		_cleanup_free_ char *path = cgroup_unified()
			? str_format("/sys/fs/cgroup/%s/cgroup.procs", group)
			: str_format("/sys/fs/cgroup/%s/%s/cgroup.procs", trees[i], group);

		if (!path)
			return error_set(err, ENOMEM, "cgroup %s", group);
		if (access(path, F_OK) < 0)
			continue;
		if (file_poke(path, text, err) < 0)
			return error_wrap(err, "cgroup %s", group);
		joined++;
	}
	return joined ? 0 : error_set(err, ENOENT, "cgroup %s", group);
}

static int daemon_make(struct command *c, const struct start_params *p, int listener, const char *path, pid_t *out,
		       struct error *err)
{
	pid_t pid;

	if (getenv("SCHED_CORE") && prctl(PR_SCHED_CORE, PR_SCHED_CORE_CREATE, 0, 2 /* the process group */, 0) < 0)
		return error_set(err, errno, "core scheduling");
	pid = fork();
	if (pid < 0)
		return error_set(err, errno, "fork");
	if (pid > 0) {
		*out = pid;
		return 0;
	}
	setsid();
	/* What containerd was started with and did not close is no business of ours, or our containers'. */
	if (syscall(SYS_close_range, listener + 1, ~0u, 0) < 0 ||
	    (listener > 3 && syscall(SYS_close_range, 3, listener - 1, 0) < 0))
		log_warn("close_range: %s", strerror(errno));
	daemon_stdio();
	exit(daemon_run(c, listener, path, p->ttrpc_address) < 0 ? 1 : 0);
}

/* --- all of it ---------------------------------------------------------------------------------------------------- */

static int params_read(struct command *c, struct start_params *p, struct error *err)
{
	_cleanup_buf_ struct buf input = { 0 };
	ssize_t n = 1;

	while (n > 0) {
		uint8_t *room = buf_reserve(&input, 4096);

		if (!room)
			return error_set(err, ENOMEM, "standard input");
		n = io_read(STDIN_FILENO, room, 4096);
		if (n < 0)
			return error_set(err, errno, "standard input");
		buf_commit(&input, (size_t)n);
		if (input.len > INPUT_MAX)
			return error_set(err, EFBIG, "standard input");
	}
	if (start_params_parse(buf_bytes(&input), input.len, c->id, c->namespace, p, err) < 0)
		return -1;
	if (!p->id || !*p->id || !p->namespace || !*p->namespace)
		return error_set(err, 0, "no -%s", !p->id || !*p->id ? "id" : "namespace");
	c->id = p->id;
	c->namespace = p->namespace;
	c->debug |= p->debug;
	if (p->grpc_address && *p->grpc_address)
		c->address = p->grpc_address;
	if (p->binary && *p->binary)
		c->publish_binary = p->binary;
	if (!p->ttrpc_address || !*p->ttrpc_address)
		p->ttrpc_address = getenv("TTRPC_ADDRESS");
	return 0;
}

static int start_run(struct command *c, struct start_params *p, struct error *err)
{
	_cleanup_bundle_config_ struct bundle_config config = { 0 };
	_cleanup_free_ char *path = NULL, *address = NULL;
	_cleanup_error_ struct error e = { 0 };
	_cleanup_close_ int listener = -1;
	pid_t pid = -1;

	if (params_read(c, p, err) < 0)
		return -1;
	/* CRI makes a sandbox without one: what it is comes with CreateSandbox. */
	if (bundle_config_read(".", &config, &e) < 0 && e.code != ENOENT)
		return error_move(err, &e);
	error_clear(&e);
	path = socket_path(p, c->address, config.group ? config.group : p->id);
	address = path ? str_format("unix://%s", path) : NULL;
	if (!address)
		return error_set(err, ENOMEM, "socket");
	bundle_config_clear(&config);
	listener = socket_make(path, &e);
	if (listener < 0 && e.code != EADDRINUSE)
		return error_move(err, &e);
	if (listener >= 0 &&
	    (daemon_make(c, p, listener, path, &pid, err) < 0 || oom_score_set(pid, err) < 0 ||
	     cgroup_join(pid, p->options, err) < 0))
		goto failed;
	if (address_save(address, err) == 0 && answer_write(p, address, err) == 0)
		return 0;
failed:
	if (listener >= 0)
		unlink(path);
	if (pid > 0)
		kill(pid, SIGKILL);
	return -1;
}

int command_start(struct command *c, struct error *err)
{
	struct start_params p = { 0 };
	int r = start_run(c, &p, err);

	start_params_clear(&p);
	return r;
}
