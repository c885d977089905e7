/* The daemon: the shim that serves. */
#pragma once

struct command;

/* Becomes the shim, serving on the listening socket whose file is `path`; returns when it ends (-1: by a failure, which
 * is in the log). ttrpc_address may be NULL. */
int daemon_run(const struct command *c, int listener, const char *path, const char *ttrpc_address);
