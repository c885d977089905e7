#include "pulse.h"

#include "calls.h"

/* Any status is an answer; a lost connection says so elsewhere. */
static void pulse_answered(struct rpc_call *c, enum grpc_status status, const char *message)
{
	(void)c;
	(void)status;
	(void)message;
}

static void pulse_ask(struct pulse *p)
{
	p->call.done = pulse_answered;
	loop_timer_after(p->loop, &p->timer, p->patience, NULL);
	containerd_version(p->rpc, &p->call);
}

static void timer_fired(struct loop_timer *timer)
{
	struct pulse *p = timer->data;

	if (!grpc_call_active(&p->call.call)) {
		pulse_ask(p);
		return;
	}
	pulse_end(p);
	p->silent(p->data);
}

void pulse_begin(struct pulse *p, struct loop *loop, struct rpc *rpc, uint64_t patience)
{
	p->loop = loop;
	p->rpc = rpc;
	p->patience = patience;
	p->timer = (struct loop_timer){ .fn = timer_fired, .data = p };
	pulse_ask(p);
}

void pulse_end(struct pulse *p)
{
	loop_timer_disarm(&p->timer);
	rpc_cancel(&p->call);
}
