/* Parts of config.json written anew from what it says. */
#pragma once

#include "error.h"
#include "jsonr.h"
#include "jsonw.h"

/* The members of an object as they are, but for those that the caller writes itself (NULL-terminated). */
int spec_members_write(struct jsonw *w, const struct jsonr *object, const char *const *without, struct error *err);
/* "env" of a process, with these variables (NULL: none) in the place of those of their names or after all. Docker, ctr
 * and CRI give a container a PATH whose image sets none: it is added here, too. An environment that is no list of
 * strings is left to the runtime to refuse. */
int spec_env_write(struct jsonw *w, const struct jsonr *process, char *const *env, struct error *err);
/* "oomScoreAdj" of a process, 0 where it says nothing: containerd and the agent are among the last that the kernel
 * kills, and what they start would have their score. */
void spec_oom_score_write(struct jsonw *w, const struct jsonr *process);
