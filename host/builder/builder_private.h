/* What the parts of a build share. */
#pragma once

#include "builder.h"
#include "dockerfile.h"
#include "outfile.h"

/* An image that the Dockerfile names, for one platform. */
struct builder_base {
	char *name;   /* full: what the cache lists it under */
	char *shown;  /* as the Dockerfile means it */
	char *alias;  /* "pith-base-0" */
	char *digest; /* of what the cache's index has under the name */
	struct platform platform;
};

struct builder {
	const struct builder_job *job;
	struct dockerfile file;
	struct builder_base *bases;
	size_t base_count;
	/* temp has: Dockerfile (with other names for its images), Dockerfile.dockerignore, context */
	struct temp_dir temp;
	char *path, *ignore, *context;
	char **args; /* of the job, those that the Dockerfile declares */
	char *step;  /* what the builder does now, as it said; NULL: nothing yet */
};

/* --- builder_bases.c --- */
/* Fills b->bases, one for each image and platform, all of them in the cache. */
int bases_find(struct builder *b, struct error *err);
/* The name that each image of the file gets, with something in front and behind; b->file.image_count of them. */
char **bases_aliases(const struct builder *b, const char *before, const char *behind);
void bases_clear(struct builder *b);

/* --- builder_output.c --- */
struct builder_program {
	char *const *argv;
	char *const *env;
	uint64_t namespaces; /* CLONE_NEW*; 0: this process's own */
	/* Maps the users of a new user namespace, whose root the program then is; data: the struct builder. */
	int (*recorded)(void *data, pid_t pid, struct error *err);
	int ending; /* the signal that ends it and all that it has started */
};
/* Runs it to its end. A status that is not 0 is an error, which names the step. */
int builder_spawn(struct builder *b, const struct builder_program *p, struct error *err);
/* "buildah version 1.28.2 (...)" and the like: major * 1000 + minor of a program; -1 on failure. text: for messages. */
int builder_version(const char *program, char **text, struct error *err);

/* --- builder_lines.c --- */
/* "2/4: RUN make" of a line that begins a step; NULL: it does not. Caller frees. */
char *line_step(const char *line);
/* A line as it is shown: with the Dockerfile's names of images, and build arguments filled in. Caller frees. */
char *line_translate(const struct builder *b, const char *line);

/* --- builder_box.c --- */
/* The folder below which b->temp is made: one that the box's users reach. */
const char *box_parent(void);
/* Runs "PROGRAM ARGUMENT...", which may use b->temp and what everybody may, and nothing else. */
int box_run(struct builder *b, char *const *argv, struct error *err);

/* --- the builders --- */
int buildah_run(struct builder *b, struct oci_descriptor *out, struct error *err);
int buildah_check(struct builder *b, struct error *err);
int docker_run(struct builder *b, struct oci_descriptor *out, struct error *err);
int buildctl_run(struct builder *b, struct oci_descriptor *out, struct error *err);

/* Appends "OPTION", "NAME=VALUE" for each. */
int argv_add_pairs(char ***argv, const char *option, const char *prefix, char *const *pairs);
