/* Whether services can run without containerd, until somebody asks for it or for good, and where things are then. */
#pragma once

#include <stdbool.h>

#include "error.h"

struct lazy {
	char *shim;         /* program: ours, which starts without a containerd */
	char *root;         /* containerd's directory of tasks that outlive a boot */
	char *behind;       /* the socket that containerd listens at */
	char *ttrpc;        /* where it takes events, under the name that shims know */
	char *ttrpc_behind; /* where it may be that it takes them */
};

/* program: containerd; socket: the public one; settings: runtime-config.toml; config: containerd's own. -1: it cannot,
 * and the error says why. */
int lazy_look(struct lazy *l, const char *program, const char *socket, const char *settings, const char *config,
	      struct error *err);
/* The image has no containerd: shim and root alone are set. state: the directory of tasks. */
int lazy_none(struct lazy *l, const char *state, struct error *err);
void lazy_clear(struct lazy *l);
