/* Standard streams of one process: pipes to the container on one side, the client's fifos, files or a logging program
 * on the other, or a terminal in place of the pipes.
 *
 * The shim's end of a fifo is open for both directions all the time. A client may therefore come, go and come back
 * without the process noticing: neither does a reader's end break the process, nor a writer's end finish its input.
 * Only streams_close_stdin() does that, once what is in the fifo has been taken.
 *
 * A fifo that is not here may be on the machine's host: then a connection to there takes its place (remote.h).
 *
 *     streams_prepare() -> (ready callback) -> child[] are given to the runtime, or a console socket is
 *     -> streams_start() or streams_start_console() -> streams_exited() -> streams_on_drained() -> streams_close()
 *
 * A runtime writes its own complaints into the descriptors that it is to hand on. Nothing is copied before
 * streams_start(), which is for when it has succeeded: until then streams_outputs() has what it says.
 *
 * streams_close() is legal in every state and ends it; nothing calls back after it. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "copy.h"
#include "reaper.h"
#include "remote.h"
#include "uri.h"

struct streams_paths {
	char *in, *out, *err; /* as the client gave them; "" for none. Owned by whoever has the struct */
	bool terminal;
};

void streams_paths_clear(struct streams_paths *p);
/* Copies; a NULL counts as "". -1 without memory. */
int streams_paths_set(struct streams_paths *p, const char *in, const char *out, const char *err, bool terminal);

struct streams;
/* err: NULL when the streams are ready, else why they will not be. */
typedef void streams_ready_fn(struct streams *s, const struct error *err);
typedef void streams_drained_fn(void *data);

/* What a logging program is told. */
struct streams_owner {
	struct loop *loop;
	struct reaper *reaper;
	const char *id, *namespace;
	uid_t uid; /* of the pipes */
	gid_t gid;
};

/* Zero-initialise, then streams_init(). */
struct streams {
	/* descriptors for the process, -1: none; the caller hands them to the runtime and leaves them here */
	int child[3];
	void *data; /* the caller's */
	/* private */
	const struct streams_owner *owner;
	struct streams_paths paths;
	struct copy in, out, err;
	int ends[3];    /* our ends of the pipes, until they are copied from */
	int clients[3]; /* the client's side, likewise */
	bool is_file[3];
	bool is_remote[3];
	struct remote remotes[3];
	int console;                  /* the terminal's master, -1: none */
	unsigned short rows, columns; /* asked for before there was a terminal */
	bool stdin_closed;
	unsigned outputs; /* still copied */
	int lingering[2]; /* fifos with output that nobody has come for yet */
	int read_at[2];   /* paths (O_PATH) of the fifo or pipe in which output and error output are read; -1: none */
	struct logger *logger;
	streams_ready_fn *ready;
	streams_drained_fn *drained;
	void *drained_data;
};

void streams_init(struct streams *s);
/* Opens what the paths say. `ready` is called once, perhaps at once. owner and paths have to stay. */
void streams_prepare(struct streams *s, const struct streams_owner *owner, const struct streams_paths *paths,
		     streams_ready_fn *ready);
/* Our ends of the output and error pipes as long as nothing is copied; -1: there is none. */
static inline const int *streams_outputs(const struct streams *s)
{
	return s->ends + 1;
}
/* The process has its descriptors. */
int streams_start(struct streams *s, struct error *err);
/* The same with the terminal's master, which is taken. */
int streams_start_console(struct streams *s, int master, struct error *err);

/* The end of its input. Legal at any time. */
void streams_close_stdin(struct streams *s);
/* Size of the terminal; kept for later when there is none yet, without effect when there will be none. */
int streams_resize(struct streams *s, unsigned rows, unsigned columns, struct error *err);
/* Nobody reads its input any more. What it wrote is passed on now, as far as the clients' fifos have room: one that
 * goes as soon as it is told of the end has seen the output then. */
void streams_exited(struct streams *s);
/* Whether whoever reads the outputs in a fifo, or in the pipe of a logging program, has read what is there. Where
 * nobody has a fifo open there is nobody to wait for. */
bool streams_are_read(const struct streams *s);
/* Calls back once, perhaps at once, when all output has been passed on (to a logging program: when that has ended). */
void streams_on_drained(struct streams *s, streams_drained_fn *fn, void *data);
void streams_close(struct streams *s);
