/* What the bundle's directory says about a container, and what the shim leaves there for its `delete` command. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "any.pb-c.h"
#include "error.h"

/* The parts of config.json that matter outside the runtime. */
struct bundle_config {
	bool own_pid_namespace; /* a new one: its processes end with the first */
	bool hooks;             /* some run at start or after the end */
	char *group;            /* containers with the same one share a shim; NULL: none */
	char *cgroups_path;     /* NULL: the runtime's default */
};

#define _cleanup_bundle_config_ _cleanup_(bundle_config_clear)
void bundle_config_clear(struct bundle_config *c);
/* The text of a config.json. Only text that is no JSON object is an error: the rest is the runtime's to judge. */
int bundle_config_parse(const char *text, size_t n, struct bundle_config *out, struct error *err);
int bundle_config_read(const char *bundle, struct bundle_config *out, struct error *err);

/* Writes a file of the bundle. */
int bundle_save(const char *bundle, const char *name, const void *data, size_t n, struct error *err);
/* The same in one step: who is killed meanwhile leaves the old file or the new one. */
int bundle_replace(const char *bundle, const char *name, const void *data, size_t n, struct error *err);

/* The options (options.h) without what only checkpoints need. */
struct bundle_options {
	char *binary; /* the runtime; never empty */
	char *root;   /* its state directory, the namespace's included */
	bool systemd_cgroup;
	bool no_pivot_root, no_new_keyring;
	uint32_t io_uid, io_gid;
	char *criu_work_path; /* "": none */
};

#define _cleanup_bundle_options_ _cleanup_(bundle_options_clear)
void bundle_options_clear(struct bundle_options *o);

/* Of a task, as containerd gives them; NULL: the defaults. unknown as for options_read(). */
int bundle_options_read(const Google__Protobuf__Any *any, const char *namespace, struct bundle_options *out,
			char ***unknown, struct error *err);
/* Keeps them in the bundle, in the files and the form of containerd's own shim, so that either may clean up after the
 * other. */
int bundle_options_save(const char *bundle, const struct bundle_options *o, struct error *err);
/* Without the files: the defaults. */
int bundle_options_load(const char *bundle, const char *namespace, struct bundle_options *out, struct error *err);
