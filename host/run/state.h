/* The state directory of a machine: its lock, disks, MAC address, console log, pid files and sockets. */
#pragma once

#include <stdbool.h>

#include "error.h"

struct state {
	char *dir;
	int lock;          /* held while the machine runs */
	bool made;         /* state_open() created the directory */
	char **made_files; /* what goes away again when the machine never started */
};
#define STATE_INIT         \
	{                  \
		.lock = -1 \
	}

/* Creates the directory where it is missing and takes its lock: fails, and names the process, while another machine
 * runs from it. */
int state_open(struct state *s, const char *dir, struct error *err);

/* "DIR/NAME". Caller frees; NULL without memory (err is filled). */
char *state_path(const struct state *s, const char *name, struct error *err);
/* A path that state_undo() removes. */
int state_made(struct state *s, const char *path, struct error *err);

/* The machine's MAC address as text: kept in the file mac-addr, made up the first time (locally administered). */
char *state_mac(struct state *s, struct error *err);

/* The machine never started: removes what was made for it. */
void state_undo(struct state *s);
/* Lets go of the lock; the directory stays. */
void state_close(struct state *s);
