/* One command in a machine, from its start to its exit status; what the files of it share. Calls go downwards:
 *
 *   client.c           the connection, what the agent says, signals
 *   client_streams.c   the outputs and the input of this process, and the frames that wait to be sent
 *
 *   connecting --request--> asked --AGENT_STARTED--> started --AGENT_EXITED--> ended --outputs are written--> done
 *       ^                     |
 *       '---- retry_due <-----' the connection ends before the agent has said a word: the machine boots
 *
 * A word of the agent sets `heard`; from then on a connection that ends is an error. Input is read while the agent has
 * room for it (AGENT_WINDOW), output while what waits to be written is less than SINK_HIGH. */
#pragma once

#include "client.h"
#include "loop.h"
#include "terminal.h"

enum { CLIENT_CHUNK = 32 << 10 }; /* bytes that are read at once */

/* One of our own outputs. */
struct sink {
	struct loop_io io;
	struct buf buf;
	bool plain; /* a file: always ready */
};

struct client {
	struct loop *loop;
	const char *dir;
	const struct client_command *command;
	struct loop_io socket, input;
	bool input_open, input_plain;
	struct sink sinks[2];
	struct buf in, out;
	size_t outstanding; /* bytes of input that the agent holds */
	struct terminal terminal;
	bool heard, started;
	struct loop_timer retry;
	uint64_t pause, waited, patience; /* microseconds: of the next attempt; so far; at most */
	bool ended;                       /* nothing more comes; what has come is still written */
	unsigned interrupts;
	int status;
	struct error *error;
	bool failed;
};

/* Ends the loop, with this status. */
void client_end(struct client *c, int status);
/* The same after a failure; the client's error says which. */
void client_fail(struct client *c);

/* Watches the connection for what there is room for, and for what waits. */
void client_socket_want(struct client *c);
/* Once the command has ended and its output is written, the loop ends. */
void client_ended_check(struct client *c);
/* Sends the frames that wait, as far as the connection takes them. */
void client_out_send(struct client *c);

/* which: 0 standard output, 1 standard error. */
void client_sink_open(struct client *c, int which);
void client_sink_pump(struct client *c, struct sink *s);

void client_input_open(struct client *c);
/* Reads where there is room for it: a file at once, others when they are ready. */
void client_input_pump(struct client *c, bool ready);
