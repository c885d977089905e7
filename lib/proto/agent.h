/* What the host and the agent in the guest say to each other: one connection to AGENT_PORT for each command.
 *
 * A stream of frames in both directions, each a header of 8 bytes and a payload of at most AGENT_PAYLOAD:
 *
 *   0  u32  length of the payload (all numbers big-endian)
 *   4  u8   type
 *   5  3 bytes, zero
 *
 *   host to guest  REQUEST    JSON, once and first: what to run (struct agent_request)
 *                  INPUT      bytes for standard input
 *                  INPUT_END  its end
 *                  RESIZE     u16 rows, u16 columns of the terminal
 *                  SIGNAL     u32 signal number for the process
 *                  SECRET     instead of REQUEST: FIFO_SECRET characters, kept for the shim (below); EXITED is the
 * answer guest to host  STARTED    the command runs OUTPUT, ERRORS   bytes of its standard output and standard error (a
 * terminal: OUTPUT alone) TAKEN      u32 bytes of standard input that have been passed on EXITED     u32 exit status,
 * or 128 + signal; the last frame FAILED     u32 exit status, and a line of text: the command could not be run; the
 * last frame
 *
 * Instead of REQUEST the host may ask for the guest's clock, and move it, as often as it likes:
 *
 *   host to guest  CLOCK      i64 nanoseconds to add to the clock, 0: none. Less than a second is slewed, more is
 * stepped guest to host  TIME       u64 nanoseconds since 1970 of the guest's clock, afterwards
 *
 * The host sends at most AGENT_WINDOW bytes of input that it has not been told TAKEN for: a process that does not read
 * holds up neither signals nor the terminal's size. Output is held up by the stream itself. A connection that ends
 * early ends the command's streams. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "error.h"

enum {
	AGENT_PORT = 2373,
	AGENT_HEADER = 8,
	AGENT_PAYLOAD = 65536,
	AGENT_WINDOW = 262144,
};

enum agent_type {
	AGENT_REQUEST = 1,
	AGENT_INPUT,
	AGENT_INPUT_END,
	AGENT_RESIZE,
	AGENT_SIGNAL,
	AGENT_SECRET,
	AGENT_CLOCK,
	AGENT_STARTED = 16,
	AGENT_OUTPUT,
	AGENT_ERRORS,
	AGENT_TAKEN,
	AGENT_EXITED,
	AGENT_FAILED,
	AGENT_TIME,
};

struct agent_frame {
	enum agent_type type;
	const uint8_t *data; /* in the bytes that were parsed */
	size_t len;
	uint32_t number; /* of those types that have one */
	uint64_t ns;     /* of CLOCK (then it is signed) and TIME */
	uint16_t rows, columns;
};

/* The frame that the bytes begin with, its fixed fields checked and read; FAILED's text is what follows the number.
 * 1: one, of *used bytes; 0: more bytes are needed; -1: no such frame. */
int agent_frame_parse(const void *bytes, size_t n, struct agent_frame *out, size_t *used, struct error *err);

/* Append a frame; -1 without memory. len: at most AGENT_PAYLOAD. */
int agent_frame_add(struct buf *b, enum agent_type type, const void *data, size_t len);
int agent_frame_number(struct buf *b, enum agent_type type, uint32_t number);
int agent_frame_ns(struct buf *b, enum agent_type type, uint64_t ns);
int agent_frame_resize(struct buf *b, uint16_t rows, uint16_t columns);
/* The text is cut where it is too long. */
int agent_frame_failed(struct buf *b, uint32_t status, const char *text);

struct agent_request {
	char *service; /* container to run it in; NULL: the guest itself */
	char **args;   /* one at least */
	char **env;    /* NAME=VALUE, beside or instead of the container's own */
	char *user;    /* NAME or number, and perhaps ":" and a group; NULL: the container's */
	char *workdir; /* absolute; NULL: the container's */
	bool terminal;
	bool hangup; /* HUP when the connection ends; a terminal does that by itself */
	uint16_t rows, columns;
};

#define _cleanup_agent_request_ _cleanup_(agent_request_clear)
void agent_request_clear(struct agent_request *r);
/* The error names the field. */
int agent_request_parse(const void *json, size_t n, struct agent_request *out, struct error *err);
/* Appends the frame. E2BIG when it does not fit into one. */
int agent_request_add(struct buf *b, const struct agent_request *r, struct error *err);

/* --- fifos of the host ---------------------------------------------------------------------------------------------
 *
 * A client of containerd names fifos for a process's streams. Those of a client on the host are not in the guest: the
 * shim then connects to port FIFO_PORT of the host and asks, with a line, for
 *
 *   "read SECRET PATH\n"    what comes out of the fifo (a process's input), or
 *   "write SECRET PATH\n"   a place to write to (its output)
 *
 * A container can connect to the host as well as the shim can. The secret is what only the machine's own programs know:
 * the host gives it to the agent, on whose port nobody else can be, and the agent keeps it in FIFO_SECRET_FILE. A
 * request without it, or with an old one, makes the host give it to the agent (anew); the answer to it is
 *
 *   "again\n"               and the end: ask once more, with what is in the file now.
 *
 * Else the answer is "ok\n", or "error TEXT\n" and the end. From then on the connection carries the bytes, and its end
 * of file the fifo's. For "read" the end is passed on only once the guest has shut its own sending side down ("what is
 * in there is all there is"), since a fifo's writers come and go. */
enum {
	FIFO_PORT = 2372,
	FIFO_LINE = 4200, /* bytes of a request at most, and of an answer */
	FIFO_SECRET = 32, /* hexadecimal digits, small letters */
};

#define FIFO_SECRET_FILE "/run/pith/exec/host.secret"

struct fifo_request {
	bool write;
	char secret[FIFO_SECRET + 1]; /* empty: none */
	char path[4096];              /* absolute, without "." and ".." */
};

/* Whether these are FIFO_SECRET digits. */
bool fifo_secret_valid(const char *text, size_t n);
/* As agent_frame_parse(). */
int fifo_request_parse(const void *bytes, size_t n, struct fifo_request *out, size_t *used, struct error *err);
enum { FIFO_AGAIN = 2 };
/* 1: yes, FIFO_AGAIN: ask again; 0: more bytes are needed, -1: no, with the host's reason in err. */
int fifo_answer_parse(const void *bytes, size_t n, size_t *used, struct error *err);
