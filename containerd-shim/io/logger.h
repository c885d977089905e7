/* A program that a process's output is given to (containerd's "binary" logging): standard output on its descriptor
 * 3, standard error on 4; it closes 5 when it is ready.
 *
 *     logger_start() -> pending --(5 is closed)--> running --(it exits)--> exited
 *                          |--(10 s, or it exits)--> ready(error)
 *     logger_leave() in any state: 2 s to end by itself -> SIGTERM -> 2 s -> SIGKILL -> freed */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "reaper.h"
#include "uri.h"

struct logger;
/* It is ready, or (err) it will not be. */
typedef void logger_ready_fn(void *data, const struct error *err);
typedef void logger_exited_fn(void *data);

/* Starts it; `out` and `err` are its ends of the pipes, still the caller's. NULL on failure. */
struct logger *logger_start(struct loop *loop, struct reaper *reaper, const struct uri *uri, const char *id,
			    const char *namespace, int out, int err_fd, logger_ready_fn *ready,
			    logger_exited_fn *exited, void *data, struct error *err);
/* Whether it has still to become ready. */
bool logger_pending(const struct logger *l);
bool logger_exited(const struct logger *l);
/* Its pipes are closed by now: it gets the time to write down what is left, then it is told to end, then it is made
 * to. Frees it; nothing calls back. NULL is fine. */
void logger_leave(struct logger *l);
