/* The engine on containerd (engine.h). */
#pragma once

#include <stdint.h>

#include "engine.h"

/* The strings stay the caller's, and must outlive the engine. */
struct containerd_options {
	const char *program; /* NULL: somebody else keeps it running */
	bool lazy;           /* it is left until somebody asks for it, where that can be done, */
	uint64_t idle;       /* and stopped when nobody has used it for so many microseconds; 0: never */
	const char *socket;
	const char *namespace; /* of services that name none */
	const char *settings;  /* runtime-config.toml */
	const char *config;    /* containerd's own */
	const char *state;     /* where it keeps the tasks that run */
};

struct engine *engine_containerd(const struct engine_host *host, const struct containerd_options *o, struct error *err);
