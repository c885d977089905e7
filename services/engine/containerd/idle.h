/* A containerd that nobody uses, where it is to be stopped then (org.pith.containerd.idle):
 *
 *   nobody is led to it -- the time is over, and services alone have tasks --> resting: nothing new is begun
 *     ^                                                                          |
 *     +-- somebody has come ----------------------------------------------------+
 *     |                                    what goes on has come to an end       v
 *   started for whoever comes <-- asleep: the stand-in does its work <-- ended: it is stopped
 *
 * idle.c decides when resting begins; the rest is engine.c's. */
#pragma once

#include "containerd_private.h"

/* Nobody is led to it any more, or it has just come to serve: the time begins anew. */
void idle_begin(struct containerd *e);
/* It is over. */
void idle_over(struct loop_timer *timer);
