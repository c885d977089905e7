/* A sink that looks at what it gets: no path leads out of the folder. */
#pragma once

#include <stdlib.h>
#include <string.h>

#include "sink.h"

static void path_check(const char *path)
{
	if (!*path || *path == '/' || strlen(path) >= SINK_PATH_MAX || strcmp(path, "..") == 0 ||
	    strncmp(path, "../", 3) == 0 || strstr(path, "/../") || strstr(path, "//"))
		abort();
}

static int checking_file(void *data, const struct sink_file *file, struct error *err)
{
	(void)data;
	(void)err;
	path_check(file->path);
	if (file->mode & ~0777u || (file->n > 0 && !file->data))
		abort();
	return 0;
}

static int checking_dir(void *data, const char *path, mode_t mode, struct error *err)
{
	(void)data;
	(void)err;
	path_check(path);
	if (mode & ~0777u)
		abort();
	return 0;
}

static void checking_say(void *data, const char *what, const char *why)
{
	(void)data;
	if (!what || !*why)
		abort();
}

static const struct sink checking_sink = { checking_file, checking_dir, checking_say, NULL };
