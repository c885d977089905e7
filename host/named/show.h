/* What is said about named machines, on standard output. Nothing here waits for a guest. */
#pragma once

#include "folder.h"

/* A line a machine; json: a list of objects. quiet: names alone. */
int show_list(bool json, bool quiet, struct error *err);
int show_info(const struct folder *f, bool json, struct error *err);
/* Shell commands that point docker at the machine. */
int show_env(const struct folder *f, struct error *err);
