/* What the files of a launch share: launch.c -> launch_guest.c, launch_container.c -> launch_streams.c. */
#pragma once

#include "launch.h"

enum { IN, OUT, ERR };

void guest_start(struct launch *l);
/* -1: it failed, and `done` was not called. */
int container_start(struct launch *l, struct error *err);

/* Three pipes: the child's ends and ours. */
int launch_pipes(struct launch *l, struct error *err);
/* A terminal's master, which is ours. */
int launch_master(struct launch *l, int master, struct error *err);
void launch_children_close(struct launch *l);
void launch_close(int *fd);
/* Whether the environment has the variable of this NAME or NAME=VALUE. */
bool launch_env_names(char *const *env, const char *variable);
static inline void launch_fail(struct launch *l, int status, const struct error *why)
{
	l->done(l, why, status);
}
