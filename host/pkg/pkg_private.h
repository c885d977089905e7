/* The command `pith pkg`: pkg.c does what is asked, pkg_options.c reads what that is. */
#pragma once

#include "command.h"
#include "package_build.h"

enum progress_choice { PROGRESS_AUTO, PROGRESS_PLAIN, PROGRESS_TTY };

struct pkg {
	struct package_options package;
	struct store *store;
	struct platform *platforms, *skip;
	size_t platform_count, skip_count;
	const char *release;
	char *common;     /* the hash of a package for several platforms, where these differ */
	char **allowed;   /* --allow-source */
	char **arg_files; /* --build-arg-file */
	char **contexts;  /* of Docker: PLATFORM=CONTEXT */
	struct package_building building;
	bool network, no_cache; /* where building says that they are meant */
	enum progress_choice progress;
	struct buf tail;
	char **dirs;
	size_t unchanged; /* images that were there already */
	bool force, push, nobuild, pull, docker, canonical, dry_run, no_manifest;
};

extern const struct option pkg_table[];

/* What LinuxKit's environment asks for, where no option did: $LINUXKIT_PKG_ORG, $LINUXKIT_BUILDERS. */
int pkg_read_environment(struct pkg *g, struct error *err);
