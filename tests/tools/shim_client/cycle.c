/* Starts a shim and runs a container in it, again and again, as containerd does; prints how long each step took. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client.h"
#include "empty.pb-c.h"
#include "loop.h"
#include "reply.h"
#include "runc_options.pb-c.h"
#include "spawn.h"
#include "str.h"

enum step { SPAWN, CREATE, START, WAIT, DELETE, SHUTDOWN, STEPS };

static const char *const step_names[STEPS] = { "start", "create", "start-task", "wait", "delete", "shutdown" };

struct cycle {
	const char *shim, *bundle, *namespace, *containerd, *runtime, *root;
	uint64_t *times[STEPS];
	int fd;
	uint32_t stream;
	bool stays; /* the shim, for other containers */
};

static uint64_t step_begin;

static void step_done(struct cycle *c, enum step step, int i)
{
	uint64_t now = loop_now();

	c->times[step][i] = now - step_begin;
	step_begin = now;
}

/* The address it answers with, whichever way. */
static char *shim_start(const struct cycle *c, const char *id, struct error *err)
{
	const char *const argv[] = { c->shim,       "-namespace",      c->namespace,          "-id",   id,  "-address",
				     c->containerd, "-publish-binary", "/usr/bin/containerd", "start", NULL };
	struct spawn s = { .path = c->shim, .argv = (char *const *)argv, .cwd = c->bundle };
	_cleanup_buf_ struct buf said = { 0 };
	int status = spawn_wait(&s, &said, 65536, 10000000, err);
	const char *text = buf_text(&said), *start = strstr(text, "unix://");
	size_t n;

	if (status < 0)
		return NULL;
	if (status != 0 || !start) {
		error_set(err, 0, "%s: %s: %s", c->shim, spawn_status_text(status), text);
		return NULL;
	}
	n = strcspn(start, "\"\n ");
	return strndup(start, n);
}

static int call(struct cycle *c, const char *method, const ProtobufCMessage *request,
		const ProtobufCMessageDescriptor *response, struct error *err)
{
	ProtobufCMessage *m;

	c->stream += 2;
	m = client_call(c->fd, c->stream - 1, "containerd.task.v2.Task", method, 60000, request, response, err);
	if (!m)
		return error_wrap(err, "%s", method);
	protobuf_c_message_free_unpacked(m, NULL);
	return 0;
}

static int run(struct cycle *c, int i, char *id, struct error *err)
{
	Containerd__Task__V2__CreateTaskRequest create = CONTAINERD__TASK__V2__CREATE_TASK_REQUEST__INIT;
	Containerd__Task__V2__StartRequest start = CONTAINERD__TASK__V2__START_REQUEST__INIT;
	Containerd__Task__V2__WaitRequest wait = CONTAINERD__TASK__V2__WAIT_REQUEST__INIT;
	Containerd__Task__V2__DeleteRequest delete = CONTAINERD__TASK__V2__DELETE_REQUEST__INIT;
	Containerd__Task__V2__ShutdownRequest shutdown = CONTAINERD__TASK__V2__SHUTDOWN_REQUEST__INIT;
	Containerd__Runc__V1__Options options = CONTAINERD__RUNC__V1__OPTIONS__INIT;
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	uint8_t packed[512];

	if (c->runtime)
		options.binary_name = (char *)c->runtime;
	if (c->root)
		options.root = (char *)c->root;
	any.type_url = (char *)"containerd.runc.v1.Options";
	any.value.len = containerd__runc__v1__options__get_packed_size(&options);
	if (any.value.len > sizeof(packed))
		return error_set(err, E2BIG, "options");
	containerd__runc__v1__options__pack(&options, packed);
	any.value.data = packed;
	create.options = &any;
	create.bundle = (char *)c->bundle;
	create.id = start.id = wait.id = delete.id = shutdown.id = id;
	if (call(c, "Create", &create.base, &containerd__task__v2__create_task_response__descriptor, err) < 0)
		return -1;
	step_done(c, CREATE, i);
	if (call(c, "Start", &start.base, &containerd__task__v2__start_response__descriptor, err) < 0)
		return -1;
	step_done(c, START, i);
	if (call(c, "Wait", &wait.base, &containerd__task__v2__wait_response__descriptor, err) < 0)
		return -1;
	step_done(c, WAIT, i);
	if (call(c, "Delete", &delete.base, &containerd__task__v2__delete_response__descriptor, err) < 0)
		return -1;
	step_done(c, DELETE, i);
	/* A shim may be gone before its answer is written. */
	(void)call(c, "Shutdown", &shutdown.base, &google__protobuf__empty__descriptor, NULL);
	step_done(c, SHUTDOWN, i);
	return 0;
}

static int once(struct cycle *c, int i, struct error *err)
{
	_cleanup_free_ char *id = str_format("cycle-%d-%d", (int)getpid(), i), *address = NULL;
	struct pollfd p = { .events = POLLIN };
	int r;

	step_begin = loop_now();
	address = shim_start(c, id, err);
	if (!address)
		return -1;
	step_done(c, SPAWN, i);
	c->fd = client_connect(address, err);
	c->stream = 0;
	if (c->fd < 0)
		return -1;
	r = run(c, i, id, err);
	/* Until the shim is gone: the next one shall have the machine for itself. */
	p.fd = c->fd;
	if (r == 0 && !c->stays)
		(void)poll(&p, 1, 5000);
	close(c->fd);
	return r;
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* [-k] SHIM BUNDLE NAMESPACE CONTAINERD-SOCKET COUNT [RUNTIME [ROOT]]; TTRPC_ADDRESS comes from the environment. -k:
 * the shim has other containers too, and does not end. */
int cycle_run(int argc, char **argv, struct error *err)
{
	struct cycle c = { 0 };
	int count;

	if (argc > 0 && str_eq(argv[0], "-k")) {
		c.stays = true;
		argc--;
		argv++;
	}
	if (argc < 5)
		return error_set(err, 0, "cycle [-k] SHIM BUNDLE NAMESPACE CONTAINERD-SOCKET COUNT [RUNTIME [ROOT]]");
	c.shim = argv[0];
	c.bundle = argv[1];
	c.namespace = argv[2];
	c.containerd = argv[3];
	count = atoi(argv[4]);
	c.runtime = argc > 5 ? argv[5] : NULL;
	c.root = argc > 6 ? argv[6] : NULL;
	if (count < 1)
		return error_set(err, EINVAL, "count");
	for (int s = 0; s < STEPS; s++)
		c.times[s] = calloc((size_t)count, sizeof(uint64_t));
	for (int i = 0; i < count; i++)
		if (once(&c, i, err) < 0)
			return -1;
	for (int s = 0; s < STEPS; s++) {
		qsort(c.times[s], (size_t)count, sizeof(uint64_t), by_size);
		printf("%s=%llu\n", step_names[s], (unsigned long long)c.times[s][count / 2]);
		free(c.times[s]);
	}
	return 0;
}
