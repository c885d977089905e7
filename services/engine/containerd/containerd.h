/* The engine on containerd (engine.h). */
#pragma once

#include "engine.h"

/* The strings stay the caller's, and must outlive the engine. */
struct containerd_options {
	const char *program; /* NULL: somebody else keeps it running */
	const char *socket;
	const char *namespace; /* of services that name none */
	const char *settings;  /* runtime-config.toml */
	const char *state;     /* where it keeps the tasks that run */
};

struct engine *engine_containerd(const struct engine_host *host, const struct containerd_options *o, struct error *err);
