/* Whether containerd answers: a call that costs it nothing, each time the last one was answered and the patience is
 * over. One that is stopped or stuck keeps its connections open, so that nothing else would say so. */
#pragma once

#include "loop.h"
#include "rpc.h"

struct pulse {
	void (*silent)(void *data); /* a call had no answer in that time; the pulse is over */
	void *data;
	/* private */
	struct loop *loop;
	struct rpc *rpc;
	struct rpc_call call;
	struct loop_timer timer;
	uint64_t patience;
};

/* The first call is made at once. patience in microseconds. */
void pulse_begin(struct pulse *p, struct loop *loop, struct rpc *rpc, uint64_t patience);
/* Legal in every state; due before the connection is freed. */
void pulse_end(struct pulse *p);
