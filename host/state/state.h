/* The state directory of a machine: who runs from it, its files, and how they are opened.
 *
 * What is in it is the machine's secrets and its disks. It is 0700 and belongs to the caller, its files are 0600, and
 * each of them is opened below the directory's descriptor. A link that the caller made is followed, anybody else's is
 * refused. One that is open to others (older ones were) is closed to them when a machine starts from it.
 *
 * The file .lock says who runs. Its locks are of the open file description (fcntl(2)), a byte each:
 *   byte 0  held by the process that runs the machine, for as long as it does
 *   byte 1  held for the moment in which somebody looks at byte 0 and acts on what he sees
 * Its text is that process and its start time, since process numbers come back. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "buf.h"
#include "error.h"

struct state {
	char *dir;
	int fd;            /* the directory */
	int lock;          /* .lock; its byte 0 is held while the machine runs */
	bool made;         /* state_open() created the directory */
	char **made_files; /* names: what goes away again when the machine never started */
};
#define STATE_INIT                    \
	{                             \
		.fd = -1, .lock = -1, \
	}

/* Creates the directory where it is missing and takes its lock: fails, and names the process, while another machine
 * runs from it. Process files that a killed machine left are removed. */
int state_open(struct state *s, const char *dir, struct error *err);
/* This process is the one that runs the machine: after a fork. */
int state_claim(struct state *s, struct error *err);

/* "DIR/NAME", for programs that take names. Caller frees; NULL without memory (err is filled). */
char *state_path(const struct state *s, const char *name, struct error *err);
/* A name that is about to be made: state_undo() removes it, unless it is there already. */
int state_made(struct state *s, const char *name, struct error *err);

/* Replaces a file in one step. Where there is a device or fifo it is written into, without waiting for a reader; a link
 * of the caller's is followed. */
int state_write(const struct state *s, const char *name, const void *data, size_t n, struct error *err);
/* Opens a file to write into it, emptied and created where it is missing; not what others may have left there. */
int state_create(const struct state *s, const char *name, struct error *err);
/* Appends a whole regular file; more than max bytes is EFBIG. A missing one is ENOENT. */
int state_read(const struct state *s, const char *name, size_t max, struct buf *out, struct error *err);
/* For a file that another program opens by its name: no link of somebody else's, and closed to others. A missing one is
 * fine. */
int state_adopt(const struct state *s, const char *name, struct error *err);
/* Takes away a regular file, also one that a link leads to; devices and fifos stay. A missing one is fine. */
void state_remove(const struct state *s, const char *name);

/* The machine's MAC address as text: kept in the file mac-addr, made up the first time (locally administered). */
char *state_mac(struct state *s, struct error *err);

/* The machine never started: removes what was made for it. */
void state_undo(struct state *s);
/* Lets go of the lock; the directory stays. */
void state_close(struct state *s);

/* For other processes: a pidfd of the one that runs the machine of a state directory. -1: none does (what a killed one
 * left behind is removed then), or the directory is somebody else's. */
int state_process(const char *dir, struct error *err);
/* The same process by its number, and how many seconds ago it started. */
int state_owner(const char *dir, pid_t *pid, uint64_t *age, struct error *err);
/* What the user calls the machine of a state directory, as `pith stop` and its like take it: the directory without
 * "-state" at its end. Caller frees; NULL without memory. */
char *state_title(const char *dir);
/* The directory, after a look at whose it is. The caller closes it. */
int state_directory(const char *dir, struct error *err);

/* --- pure, for tests --- */

/* The text of .lock: "PID START\n". 0, or -1 for anything else. */
int state_record_parse(const char *text, size_t n, pid_t *pid, uint64_t *start);
bool state_mac_valid(const char *mac);
