/* A build: the Dockerfile read, its images at hand, the builder run, the result in the store. */
#include "builder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "builder_private.h"
#include "io.h"
#include "log.h"
#include "str.h"

enum { DOCKERFILE_MAX = 1 << 20, IGNORE_MAX = 1 << 20 };

static int (*const builder_runs[BUILDER_COUNT])(struct builder *, struct oci_descriptor *, struct error *) = {
	[BUILDER_BUILDAH] = buildah_run,
	[BUILDER_DOCKER] = docker_run,
	[BUILDER_BUILDCTL] = buildctl_run,
};

/* Of an argument that the Dockerfile does not declare nothing is seen, and builders complain of it. */
static int builder_choose_args(struct builder *b, struct error *err)
{
	char *const *all = b->job->args;
	size_t i;

	for (i = 0; all && all[i]; i++) {
		_cleanup_free_ char *name = strndup(all[i], strcspn(all[i], "="));

		if (!name)
			return error_set(err, ENOMEM, "build arguments");
		if (!strv_has(b->file.args, name)) {
			log_debug("build argument %s: %s does not declare it", name, b->job->name);
			continue;
		}
		if (strv_add(&b->args, all[i]) < 0)
			return error_set(err, ENOMEM, "build arguments");
	}
	return 0;
}

/* 1: read, 0: there is none. A link would show the package a file of the user's, a fifo would be waited for. */
static int ignore_read(const char *path, struct buf *text, struct error *err)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : error_set(err, errno, "%s", path);
	if (!S_ISREG(st.st_mode))
		return error_say(err, EPERM, "%s is no plain file", path);
	return file_read(path, IGNORE_MAX, text, err) < 0 ? -1 : 1;
}

/* What is left out of the folder: the file that goes by the Dockerfile's name says it, else that of the folder. */
static int builder_read_ignore(struct builder *b, struct buf *text, struct error *err)
{
	_cleanup_free_ char *own = str_format("%s.dockerignore", b->job->dockerfile);
	_cleanup_free_ char *common = str_format("%s/.dockerignore", b->context);

	int r;

	if (!own || !common)
		return error_set(err, ENOMEM, "%s", b->job->name);
	r = ignore_read(own, text, err);
	if (r == 0)
		r = ignore_read(common, text, err);
	return r < 0 ? -1 : 0;
}

static char *builder_rename(const struct builder *b, const struct buf *text)
{
	bool storage = b->job->kind == BUILDER_BUILDAH;
	_cleanup_strv_ char **names = bases_aliases(b, storage ? "localhost/" : "", storage ? ":latest" : "");

	return names ? dockerfile_rename(buf_text(text), text->len, &b->file, names) : NULL;
}

/* All that the builder is given. */
static int builder_write(struct builder *b, const struct buf *text, struct error *err)
{
	_cleanup_free_ char *renamed = builder_rename(b, text);
	_cleanup_buf_ struct buf ignore = { 0 };

	if (temp_dir_make(&b->temp, b->job->kind == BUILDER_BUILDAH ? box_parent() : NULL, err) < 0)
		return -1;
	b->path = str_format("%s/Dockerfile", b->temp.path);
	b->ignore = str_format("%s/Dockerfile.dockerignore", b->temp.path);
	b->context = str_format("%s/context", b->temp.path);
	if (!renamed || !b->path || !b->ignore || !b->context)
		return error_set(err, ENOMEM, "%s", b->job->name);
	if (dir_make(b->context, 0755, err) < 0 || b->job->lay(b->job->lay_data, b->context, err) < 0 ||
	    builder_read_ignore(b, &ignore, err) < 0)
		return -1;
	if (file_write(b->ignore, buf_text(&ignore), ignore.len, 0644, err) < 0)
		return -1;
	return file_write(b->path, renamed, strlen(renamed), 0644, err);
}

static int builder_prepare(struct builder *b, struct error *err)
{
	const struct builder_job *job = b->job;
	struct dockerfile_question q = {
		.name = job->name,
		.args = job->args,
		.target = job->platform,
		.build = platform_host(),
	};
	_cleanup_buf_ struct buf text = { 0 };

	if (file_read(job->dockerfile, DOCKERFILE_MAX, &text, err) < 0 ||
	    dockerfile_parse(buf_text(&text), text.len, &q, &b->file, err) < 0)
		return -1;
	if (job->kind == BUILDER_BUILDAH && buildah_check(b, err) < 0)
		return -1;
	if (builder_choose_args(b, err) < 0 || bases_find(b, err) < 0)
		return -1;
	return builder_write(b, &text, err);
}

static void builder_clear(struct builder *b)
{
	temp_dir_remove(&b->temp);
	dockerfile_clear(&b->file);
	bases_clear(b);
	strv_free(b->args);
	free(b->path);
	free(b->ignore);
	free(b->context);
	free(b->step);
}

int builder_run(const struct builder_job *job, struct oci_descriptor *out, struct error *err)
{
	struct builder b = { .job = job, .temp = TEMP_DIR_INIT };
	int r = builder_prepare(&b, err);

	if (r == 0)
		r = builder_runs[job->kind](&b, out, err);
	if (r == 0)
		out->platform = job->platform;
	builder_clear(&b);
	return r;
}
