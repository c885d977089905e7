/* Receives events as containerd's ttrpc socket does, and prints them in the order they come. */
#include <stdio.h>
#include <unistd.h>

#include "client.h"
#include "empty.pb-c.h"
#include "events_forward.pb-c.h"
#include "server.h"
#include "unixsock.h"

static struct loop *loop;
static int delay_us;

struct delayed {
	struct loop_timer timer;
	struct call *call;
};

static void answer(struct call *call)
{
	const Google__Protobuf__Empty empty = GOOGLE__PROTOBUF__EMPTY__INIT;

	call_reply(call, &empty.base);
}

static void delay_over(struct loop_timer *timer)
{
	struct delayed *d = timer->data;

	answer(d->call);
	free(d);
}

static void on_forward(struct call *call, const ProtobufCMessage *request)
{
	const Containerd__Services__Events__Ttrpc__V1__ForwardRequest *r = (const void *)request;
	struct delayed *d;

	if (!r->envelope) {
		call_fail(call, GRPC_INVALID_ARGUMENT, "no envelope");
		return;
	}
	printf("%s %s\n", r->envelope->namespace_, r->envelope->topic);
	if (r->envelope->event) {
		Containerd__Services__Events__Ttrpc__V1__ForwardRequest copy = *r;

		message_print(&copy.envelope->base, " ");
	}
	fflush(stdout);
	if (delay_us == 0) {
		answer(call);
		return;
	}
	d = calloc(1, sizeof(*d));
	d->timer = (struct loop_timer){ .fn = delay_over, .data = d };
	d->call = call;
	loop_timer_after(loop, &d->timer, (uint64_t)delay_us, NULL);
}

int events_run(const char *path, int delay_ms, struct error *err)
{
	static const struct method methods[] = {
		{ "Forward", &containerd__services__events__ttrpc__v1__forward_request__descriptor, on_forward },
	};
	static const char *const names[] = { "containerd.services.events.ttrpc.v1.Events", NULL };
	static const struct service service = { .names = names, .methods = methods, .method_count = 1 };
	static const struct service *const services[] = { &service, NULL };
	static struct server server;
	struct sockaddr_un address;
	int fd;

	loop = loop_new(err);
	delay_us = delay_ms * 1000;
	if (!loop || unixsock_address(&address, -1, NULL, path) < 0)
		return -1;
	fd = unixsock_listen(&address, SOCK_STREAM, 128, err);
	server.services = services;
	if (fd < 0 || server_start(&server, loop, fd, err) < 0)
		return -1;
	return loop_run(loop, err);
}
