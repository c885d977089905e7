/* The shim's command line, as containerd uses it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "any.pb-c.h"
#include "error.h"

#define SHIM_VERSION "0.1"

struct command {
	const char *name;                                               /* argv[0]'s last part */
	const char *namespace, *id, *address, *publish_binary, *bundle; /* NULL: not given */
	bool debug;
};

/* `start`: makes a shim, or finds the one of the group, and writes its address to standard output. In the child that
 * becomes the shim it does not return until that ends. */
int command_start(struct command *c, struct error *err);
/* `delete`: takes away what a shim that is gone has left, and writes a DeleteResponse to standard output. */
int command_delete(const struct command *c, struct error *err);
/* `-info`: what the shim and its runtime can do. */
int command_info(const struct command *c, struct error *err);

/* What containerd says about a shim to be started: in a BootstrapParams message on standard input (2.3 on), or by flags
 * and environment, with the runtime's options on standard input. */
struct start_params {
	bool bootstrap;
	bool debug;
	/* inside the messages below; NULL or "": not given */
	const char *id, *namespace, *grpc_address, *ttrpc_address, *binary, *socket_dir;
	const Google__Protobuf__Any *options;
	/* private */
	void *bootstrap_message, *options_message;
};

/* input: what came on standard input. id, namespace: of the flags, to tell the two apart; NULL: there were none. */
int start_params_parse(const void *input, size_t n, const char *id, const char *namespace, struct start_params *out,
		       struct error *err);
void start_params_clear(struct start_params *p);
