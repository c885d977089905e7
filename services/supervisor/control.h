/* The supervisor's socket, for the `service` command. A client connects, writes one request (request.h: words, each
 * ended by a NUL byte; at most 4 KiB) and shuts its writing side down; it then reads the answer to its end:
 *
 *   list                 "ok\n", a line of fields, and a line for each service, blank-separated:
 *                        NAME STATE PID RESTARTS UPTIME EXIT OOM_KILLS; "-" where there is none, times in
 *                        seconds
 *   start NAME [DIR [SOCKET]]
 *                        "ok\n" when it runs and is ready. DIR: where a service that is not known yet is; SOCKET: of
 *                        the containerd that it is to run through, which need not be the supervisor's own
 *   stop NAME [DIR [SOCKET]]
 *                        "ok\n" when it has ended
 *   restart NAME [DIR [SOCKET]]
 *                        as stop, then start
 *   wait NAME            as start, of a service that is being started already; nothing is started
 *   started NAME         the same, and "ok\n" as soon as it has a process, ready or not
 *
 * or "error: " and a reason. A client that is slow or goes away costs nobody anything:
 * it has 10 s, and less where others want its place. */
#pragma once

#include "error.h"

struct control;
struct service;
struct table;

struct control *control_new(struct table *t, const char *path, struct error *err);
void control_free(struct control *c);

/* A service's state changed: who waits for it may have an answer now. c may be NULL. */
void control_changed(struct control *c, struct service *s);
