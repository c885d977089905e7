/* The engine (engine.h): containers in shims, with containerd, before somebody has asked for it, or without any. */
#pragma once

#include <stdint.h>

#include "engine.h"

/* The strings stay the caller's, and must outlive the engine. */
struct containerd_options {
	bool none;           /* there is none, and the shims are all there is, */
	const char *runtime; /* on this OCI runtime; NULL: the one that is installed */
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
