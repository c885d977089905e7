/* A PID 1 that the processor stops (a fault in its own code or memory) executes itself anew and goes on with the state
 * it had, instead of taking the machine down with a kernel panic.
 *
 * The states of the parts are written to a memory file, whose descriptor the new one finds in its arguments. After
 * too many faults the state is suspected and dropped; after many more PID 1 only sleeps, which still keeps the machine.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct resume_part {
	void *data;
	size_t size;
};

/* Catches faults from here on. exe: path of this program, which is opened now (unless it took over): it has no
 * name later. The parts must stay
 * where they are. */
void resume_setup(const char *exe, const struct resume_part *parts, size_t count);

/* A descriptor, named in the state, that the new program goes on with, until it is dropped. */
void resume_keep(int fd);
void resume_drop(int fd);

/* Whether this is a program that takes over; the parts have then been filled as far as the state was good. */
bool resume_take(int argc, char **argv, const struct resume_part *parts, size_t count);
