/* Requests to PID 1, as they arrive on its socket (lib/sys/initctl.h has the protocol). */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "initctl.h"

struct control_request {
	enum control_verb { CONTROL_RESPAWN, CONTROL_STOP, CONTROL_LIST } verb;
	const char *name;                   /* points into the message */
	uint32_t grace;                     /* seconds */
	const char *argv[INITCTL_ARGS + 1]; /* likewise; NULL-terminated */
};

/* The message must end in NUL. NULL, or what is wrong with it. */
const char *control_parse(const char *message, size_t size, struct control_request *out);
