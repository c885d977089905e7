/* The guest's clock, held to the host's through the guest's agent (agent.h of lib/proto, CLOCK and TIME).
 *
 *   IDLE --due--> ASKED --TIME: right, or not answered--> IDLE
 *                   |--TIME: wrong--> MOVED --TIME--> IDLE
 *
 * It is due every CLOCK_PERIOD_US, and at once when the host's clock was set or the host has slept: the kernel then
 * ends a timer of the time of day early (TFD_TIMER_CANCEL_ON_SET). So it is when the machine goes on after it was
 * stopped, which its owner says by clock_doubt().
 *
 * What is told is a difference, so that the way to the guest does not count. It is wrong when it is off by more than
 * CLOCK_OFF_NS beyond what half of the question's time leaves open. */
#pragma once

#include "error.h"
#include "loop.h"

#define CLOCK_PERIOD_US UINT64_C(20000000)
#define CLOCK_OFF_NS    INT64_C(100000000)

struct guest_clock;

/* Connects a Unix socket, which is the callee's then, to the guest's agent. -1: there is no guest. */
typedef int clock_reach_fn(void *data, int fd);

struct guest_clock *clock_open(struct loop *loop, clock_reach_fn *reach, void *data, struct error *err);
/* NULL is fine. */
void clock_close(struct guest_clock *c);

/* The guest's clock may have stood still, or the host's was set: it is asked at once. */
void clock_doubt(struct guest_clock *c);

/* By how many nanoseconds the guest's clock is to be moved: its time, and the host's before the question and after the
 * answer. 0: it is right, as far as can be told. */
int64_t clock_difference(uint64_t guest, uint64_t before, uint64_t after);
