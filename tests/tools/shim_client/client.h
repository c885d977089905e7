/* A ttrpc client for tests and measurements: one call at a time, without an event loop. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdint.h>

#include "error.h"

/* Connects to the address that a shim gave (a path, perhaps as unix://). The descriptor, or -1. */
int client_connect(const char *address, struct error *err);

/* Calls and waits for the answer, which is unpacked as `response` and freed by the caller with
 * protobuf_c_message_free_unpacked(). An answer that is an error fills err; its code there is the status's. timeout_ms:
 * told to the server, and waited for a little longer; 0: for ever. */
ProtobufCMessage *client_call(int fd, uint32_t stream, const char *service, const char *method, int timeout_ms,
			      const ProtobufCMessage *request, const ProtobufCMessageDescriptor *response,
			      struct error *err);

/* Fills a field from NAME=VALUE as the command line has it. */
int message_set(ProtobufCMessage *message, const char *assignment, struct error *err);
/* Prints the fields that are set, one a line, as NAME=VALUE. */
void message_print(const ProtobufCMessage *message, const char *prefix);

/* Commands. */
int events_run(const char *path, int delay_ms, struct error *err);
int cycle_run(int argc, char **argv, struct error *err);
