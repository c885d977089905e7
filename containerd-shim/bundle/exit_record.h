/* How a container's first process ended, kept in the bundle for the `delete` command: only the shim, its parent, was
 * told, and the shim may be killed before the container is deleted. In the file and form of containerd's own shim. */
#pragma once

#include <stddef.h>
#include <time.h>

#include "error.h"

#define EXIT_RECORD_FILE "exitstatus.json"

struct exit_record {
	int pid;
	unsigned status; /* as a shell gives it */
	struct timespec at;
};

/* {"Timestamp":"2006-01-02T15:04:05.999999999+02:00","Pid":1,"Status":0}; other members are skipped. */
int exit_record_parse(const char *text, size_t n, struct exit_record *out, struct error *err);
/* Appears whole or not at all. */
int exit_record_save(const char *bundle, const struct exit_record *r, struct error *err);
/* ENOENT: there is none. */
int exit_record_load(const char *bundle, struct exit_record *out, struct error *err);
/* One of an earlier container in this bundle, if there was one. */
void exit_record_forget(const char *bundle);
