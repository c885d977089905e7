/* A Dockerfile becomes an image of the cache.
 *
 * What a build does is the package's, which may be anybody's. builder.c reads the Dockerfile, has each image that it
 * names in the cache (pulled where it is not), and gives the builder a copy of the file in which these images have
 * names of ours. So the builder itself speaks to no registry, and whoever wrote the file does not choose what a short
 * name means. Then one of three programs builds:
 *
 *   buildah    without a daemon, in a box (builder_box.c); nothing is left behind but the image
 *   docker     docker buildx build, by whatever builder that is set up for
 *   buildctl   BuildKit's own client
 *
 * The image comes out as a folder or archive and goes into the cache, blob by blob, each verified. It has no name yet.
 *
 *   builder_bases.c      the images that the Dockerfile names
 *   builder_output.c, builder_lines.c   run a builder and read what it says: steps, last lines
 *   builder_box.c        users, processes, files and network that buildah is alone with
 *   builder_buildah.c, builder_buildkit.c   what each is called with */
#pragma once

#include <stdbool.h>

#include "buf.h"
#include "error.h"
#include "platform.h"
#include "store.h"

enum builder_kind { BUILDER_BUILDAH, BUILDER_DOCKER, BUILDER_BUILDCTL, BUILDER_COUNT };
extern const char *const builder_names[BUILDER_COUNT + 1]; /* NULL-terminated */

/* Strings are borrowed. */
struct builder_job {
	enum builder_kind kind;
	struct store *store;
	const char *dockerfile; /* the file */
	const char *name;       /* what errors call it */
	/* Fills a folder, which is there and empty, with what COPY takes from. */
	int (*lay)(void *data, const char *folder, struct error *err);
	void *lay_data;
	struct platform platform;
	char *const *args;          /* NAME=VALUE; those that the Dockerfile does not declare are left out */
	char *const *labels;        /* NAME=VALUE */
	bool network;               /* RUN and ADD may use it */
	bool no_cache;              /* every step is run anew (buildah: always) */
	bool fresh;                 /* images are pulled also where the cache has them */
	const char *docker_context; /* NULL: Docker's own choice */
	/* Each line that the builder says, as it comes; NULL: nobody wants them. */
	void (*say)(void *data, const char *line);
	void *data;
	struct buf *tail; /* gets the last lines of a step that failed; NULL: nobody wants them */
};

/* The manifest's descriptor (with platform) goes into *out. */
int builder_run(const struct builder_job *job, struct oci_descriptor *out, struct error *err);
