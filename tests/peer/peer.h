/* Both ends of a byte stream under test: a server that does what the first line of a connection asks for, and clients
 * that load it, time it and check what comes back. Over vsock, Unix sockets and TCP; in the guest and on the host.
 *
 * First lines, all numbers decimal:
 *   echo            sends back what it reads; ends its side when the client has ended its own
 *   source N SEED   sends N bytes (of the generator with this seed; 0: zeros), ends its side, reads to the end
 *   sink N SEED     reads to the end of file; answers "ok" when these were the N bytes of the seed (0: any), else "bad"
 *   hold            reads nothing
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "error.h"

/* "vsock:CID:PORT", "tcp:ADDRESS:PORT", "unix:PATH", each with "seqpacket-" in front where the family has it.
 * CID and ADDRESS may be empty for a server. Non-blocking descriptor or -1. */
int peer_listen(const char *address, struct error *err);
int peer_connect(const char *address, struct error *err);

/* Bytes that depend on seed and position only: a generator that both sides run. */
struct stream {
	uint64_t state;
	uint64_t word;
	unsigned left; /* bytes of word */
	uint64_t seed;
};
void stream_start(struct stream *s, uint64_t seed);
void stream_fill(struct stream *s, uint8_t *data, size_t n);
/* Whether these are the next n bytes. */
int stream_match(struct stream *s, const uint8_t *data, size_t n);

int peer_serve(int argc, char **argv);
int peer_load(int argc, char **argv);
int peer_ping(int argc, char **argv);
int peer_bulk(int argc, char **argv);
int peer_cat(int argc, char **argv);
int peer_many(int argc, char **argv);
int peer_run(int argc, char **argv);
