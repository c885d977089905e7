#include "lazy.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "cleanup.h"
#include "io.h"
#include "settings.h"
#include "str.h"

#define SHIM "containerd-shim-pith-v2"
/* The name under which every installation has a shim, perhaps ours. */
#define SHIM_USUAL "containerd-shim-runc-v2"
#define STATE      "/run/containerd"

enum { SETTINGS_MAX = 1 << 20 };

void lazy_clear(struct lazy *l)
{
	free(l->shim);
	free(l->root);
	free(l->behind);
	free(l->ttrpc);
	free(l->ttrpc_behind);
	*l = (struct lazy){ 0 };
}

static bool program_is_ours(const char *path)
{
	_cleanup_free_ char *real = realpath(path, NULL);

	return real && access(real, X_OK) == 0 && str_ends(real, "/" SHIM);
}

/* In the directory, by the usual name where that is ours: what lists processes then shows what people look for. */
static char *shim_in(const char *dir)
{
	_cleanup_free_ char *usual = str_format("%s/" SHIM_USUAL, dir), *own = str_format("%s/" SHIM, dir);

	if (usual && program_is_ours(usual))
		return steal_ptr(&usual);
	return own && program_is_ours(own) ? steal_ptr(&own) : NULL;
}

/* program: containerd, NULL: there is none. */
static char *shim_find(const char *program)
{
	const char *path = getenv("PATH"), *slash = program ? strrchr(program, '/') : NULL;
	_cleanup_strv_ char **dirs = strv_split(path ? path : "/usr/bin:/bin", ":");
	_cleanup_free_ char *beside = slash ? strndup(program, (size_t)(slash - program)) : NULL;
	char *found = NULL;

	for (char **dir = dirs; dir && *dir && !found; dir++)
		found = shim_in(*dir);
	return found || !beside ? found : shim_in(beside);
}

/* The values of `count` settings of a file; a missing file has none. */
static int settings_read(const char *path, struct setting *found, size_t count, struct error *err)
{
	_cleanup_error_ struct error why = { 0 };
	_cleanup_buf_ struct buf text = { 0 };

	if (file_read(path, SETTINGS_MAX, &text, &why) < 0)
		return why.code == ENOENT ? 0 : error_move(err, &why);
	return settings_parse(buf_text(&text), text.len, found, count, err);
}

/* Options that move what we have to find. */
static int options_check(const char *text, struct error *err)
{
	static const char *const moving[] = { "-a", "--address", "-c", "--config", "--root", "--state" };
	_cleanup_strv_ char **words = strv_split(text, " \t\n");

	for (char **w = words; w && *w; w++) {
		(*w)[strcspn(*w, "=")] = '\0';
		for (size_t i = 0; i < array_len(moving); i++)
			if (str_eq(*w, moving[i]))
				return error_set(err, 0, "cliopts has %s", *w);
	}
	return 0;
}

static int places_find(struct lazy *l, const char *socket, const char *settings, const char *config, struct error *err)
{
	struct setting found[] = { { .key = "root" }, { .key = "state" }, { .key = "ttrpc.address" } };
	struct setting options[] = { { .key = "cliopts" } };
	int r = -1;

	if (settings_read(config, found, array_len(found), err) == 0 &&
	    settings_read(settings, options, array_len(options), err) == 0) {
		if (found[1].value && !str_eq(found[1].value, STATE))
			error_set(err, 0, "%s: state is '%s'", config, found[1].value);
		else if (found[2].value && *found[2].value)
			error_set(err, 0, "%s: there is a ttrpc.address", config);
		else if (!options[0].value || options_check(options[0].value, err) == 0)
			r = 0;
	}
	l->root =
		str_format("%s/io.containerd.runtime.v2.task", found[0].value ? found[0].value : "/var/lib/containerd");
	l->behind = str_format("%s.behind", socket);
	l->ttrpc = str_format("%s.ttrpc", socket);
	l->ttrpc_behind = str_format("%s.ttrpc", l->behind ? l->behind : "");
	for (size_t i = 0; i < array_len(found); i++)
		free(found[i].value);
	free(options[0].value);
	if (r == 0 && (!l->root || !l->behind || !l->ttrpc || !l->ttrpc_behind))
		return error_set(err, ENOMEM, "containerd");
	return r;
}

/* Nothing of a task outlives a boot where nobody can look for it then. */
int lazy_none(struct lazy *l, const char *state, struct error *err)
{
	*l = (struct lazy){ .shim = shim_find(NULL), .root = str_format("%s.work", state) };
	if (!l->shim)
		error_set(err, 0, "the image has no " SHIM);
	else if (!l->root)
		error_set(err, ENOMEM, "%s", state);
	else
		return 0;
	lazy_clear(l);
	return -1;
}

int lazy_look(struct lazy *l, const char *program, const char *socket, const char *settings, const char *config,
	      struct error *err)
{
	*l = (struct lazy){ .shim = shim_find(program) };
	if (!l->shim)
		error_set(err, 0, "the image has no " SHIM);
	else if (places_find(l, socket, settings, config, err) == 0)
		return 0;
	lazy_clear(l);
	return -1;
}
