/* shim-client: talks to a shim, for tests and measurements.
 *
 *   shim-client ADDRESS [SERVICE:]METHOD [--timeout MS] [FIELD=VALUE...]   one call; SERVICE is v2 (default), v3,
 * sandbox shim-client events SOCKET [DELAY-MS]                                    receives events shim-client cycle ...
 * see cycle.c
 *
 * A failed call prints "status CODE: TEXT" and exits with 1. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "io.h"
#include "log.h"
#include "sandbox_service.pb-c.h"
#include "str.h"
#include "task_service.pb-c.h"

static const struct {
	const char *prefix, *name;
	const ProtobufCServiceDescriptor *service;
} services[] = {
	{ "v2:", "containerd.task.v2.Task", &containerd__task__v2__task__descriptor },
	{ "v3:", "containerd.task.v3.Task", &containerd__task__v2__task__descriptor },
	{ "sandbox:", "containerd.runtime.sandbox.v1.Sandbox", &containerd__runtime__sandbox__v1__sandbox__descriptor },
};

static int call(int argc, char **argv, struct error *err)
{
	const char *method = argv[1];
	const ProtobufCMethodDescriptor *m;
	ProtobufCMessage *request, *response;
	size_t service = 0;
	int fd, timeout = 0, i = 2;

	for (size_t s = 0; s < array_len(services); s++)
		if (str_starts(method, services[s].prefix)) {
			service = s;
			method += strlen(services[s].prefix);
		}
	m = protobuf_c_service_descriptor_get_method_by_name(services[service].service, method);
	if (!m)
		return error_set(err, 0, "%s has no method %s", services[service].name, method);
	request = calloc(1, m->input->sizeof_message);
	protobuf_c_message_init(m->input, request);
	for (; i < argc; i++)
		if (i + 1 < argc && str_eq(argv[i], "--timeout"))
			timeout = atoi(argv[++i]);
		else if (message_set(request, argv[i], err) < 0)
			return -1;
	fd = client_connect(argv[0], err);
	if (fd < 0)
		return -1;
	response = client_call(fd, 1, services[service].name, method, timeout, request, m->output, err);
	protobuf_c_message_free_unpacked(request, NULL);
	close(fd);
	if (!response)
		return -1;
	message_print(response, "");
	protobuf_c_message_free_unpacked(response, NULL);
	return 0;
}

int main(int argc, char **argv)
{
	_cleanup_error_ struct error err = { 0 };
	int r;

	io_fill_standard();
	log_setup(NULL, LOG_LEVEL_INFO, false);
	if (argc >= 3 && str_eq(argv[1], "events"))
		r = events_run(argv[2], argc > 3 ? atoi(argv[3]) : 0, &err);
	else if (argc >= 2 && str_eq(argv[1], "cycle"))
		r = cycle_run(argc - 2, argv + 2, &err);
	else if (argc >= 3)
		r = call(argc - 1, argv + 1, &err);
	else
		r = error_set(&err, 0, "usage: shim-client ADDRESS METHOD [FIELD=VALUE...]");
	if (r < 0)
		log_error("%s", error_text(&err));
	return r < 0;
}
