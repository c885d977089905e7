/* The `service` command's side of the supervisor's socket. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"
#include "error.h"

/* Connects to a Unix socket; -1 with errno. Who does not accept is not waited for without end. */
int client_connect(const char *path);

/* Sends a request (words ended by NULL; control.h has them) and collects what follows "ok\n". While the
 * machine boots it has patience (boot_wait.h). */
int client_request(const char *const words[], struct buf *answer, struct error *err);
/* Waits until these services, or all where none is named, are ready (started: have a process) or have ended well; the
 * first that failed is the error. */
int client_wait(char **names, bool started, struct error *err);
/* Whether a supervisor runs. */
bool client_supervisor_runs(void);

/* Writes a table of blank-separated fields to standard output, its columns aligned. */
int client_table(const char *text, struct error *err);

/* The supervisor's list as such a table. The kills for want of memory become a word behind the exit status. */
int client_list(const char *text, struct error *err);
/* That word, with a blank before it; "" for "0". */
const char *client_oom_word(const char *kills);

/* The list as JSON: [{"name": "redis", "state": "running", "pid": 211, "restarts": 0, "uptime": 12, "exit": null,
 * "oom_kills": 0}, ...] */
int client_json(const char *text, struct error *err);
