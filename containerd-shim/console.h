/* The console socket: the runtime makes a terminal for the process and sends its master there. */
#pragma once

#include "loop.h"

struct console;
/* master: the caller's now; -1: none came, and why. Called from the loop or from console_wait(). */
typedef void console_fn(struct console *c, int master, const struct error *err);

struct console {
	/* private */
	struct loop *loop;
	struct loop_io io; /* the listening socket, then the runtime's connection */
	struct loop_timer timer;
	bool connected, arrived;
	int master;
	struct error error;
	int dir;
	char *name;
	char *path;
	console_fn *fn;
	void *data;
};

void console_init(struct console *c);
/* Listens in the bundle's directory under a name of its own ("pty" and `id`). */
int console_open(struct console *c, struct loop *loop, const char *bundle, const char *id, struct error *err);
/* As the runtime is told it. */
const char *console_path(const struct console *c);
/* For when the runtime has done its work: calls `fn` once, with the terminal or without. */
void console_wait(struct console *c, console_fn *fn, void *data);
/* Legal at any time after console_init(). */
void console_close(struct console *c);
