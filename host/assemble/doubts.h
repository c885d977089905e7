/* What builds, and does not work, or is not what its author may think: warnings with file and line, errors with
 * --strict. LinuxKit builds all of it without a word. */
#pragma once

#include "assemble.h"
#include "spec.h"

/* What can be said without any image: quotes that are part of a text, files below what init mounts over. */
void doubts_config(struct config *c);

/* A container whose files are in the tree: the user that its image asks for, devices that it sees and may not open,
 * what its label gives beyond the defaults. */
void doubts_container(struct assembly *a, const struct spec_input *in, const struct where *where);

/* spec_input's on_mount for a read-only container: the target of a mount has to be in the image then. data: struct
 * doubts_mounts. */
struct doubts_mounts {
	struct assembly *a;
	const struct where *where;
	const char *root;  /* where the image's files are in the tree */
	const char *above; /* the last target that is there; private */
};
void doubts_mount(void *data, const char *destination, const struct node *at);

/* To be called when an image of init is in the tree: whose scripts are new is remembered. */
void doubts_init(struct assembly *a, const struct entry *from);
/* Scripts of etc/init.d and etc/shutdown.d whose interpreter the root has not. */
void doubts_scripts(struct assembly *a);
