/* The bundle of a container: config.json (OCI runtime specification 1.0) and runtime.json (what is done outside the
 * container), made from the entry of the YAML, the label org.mobyproject.config of its image and the image's own
 * configuration, in this order of precedence.
 *
 * The same code checks: called without an image it finds all that is wrong with the YAML alone. */
#pragma once

#include <stdbool.h>

#include "buf.h"
#include "model.h"

struct image_config;
struct image_user;

struct spec_input {
	struct config *config; /* ids, volumes; problems go into its diags */
	const struct entry *entry;
	enum section section;
	const struct node *label;         /* NULL: none, or not known yet */
	const struct image_config *image; /* NULL: not known yet */
	const struct image_user *user;    /* that the image asks for, where it is wanted; NULL: root */
	/* Called for each mount of config.json, sorted by destination; at: where it is written, NULL: a default. */
	void (*on_mount)(void *data, const char *destination, const struct node *at);
	void *data;
};

struct spec {
	bool readonly;
	/* How the root file system comes to be. unpacked: where its files are in the image, as "containers/.../rootfs"
	 * or ".../lower"; bundle: "containers/services/web". To be set before spec_runtime(). */
	const char *bundle, *unpacked;
};

/* Parses and checks the label's text; NULL when it is wrong: reported as part of where. image: its name. */
const struct node *spec_label(struct config *c, const char *text, const char *image, const struct where *where);

/* Whether the container's root is read-only. */
bool spec_readonly(const struct spec_input *in);
/* config.json into out (NULL: only check). False when diags got errors. */
bool spec_config(const struct spec_input *in, struct spec *spec, struct buf *out);
/* runtime.json. */
int spec_runtime(const struct spec_input *in, const struct spec *spec, struct buf *out, struct error *err);
