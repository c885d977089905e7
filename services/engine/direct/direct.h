/* The engine without containerd (engine.h): bundles straight on the OCI runtime. */
#pragma once

#include "engine.h"

/* runtime: program, NULL: the one that is installed; root: its state directory, NULL: its default */
struct engine *engine_direct(const struct engine_host *host, const char *runtime, const char *root, struct error *err);
