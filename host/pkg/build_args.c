/* Build arguments, with the names of packages filled in. */
#include "build_args.h"

#include <ctype.h>
#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "io.h"
#include "package.h"
#include "str.h"

enum { FILE_MAX = 1 << 20 };
#define SPECIAL  "@lkt:"
#define PACKAGE  SPECIAL "pkg:"
#define PACKAGES SPECIAL "pkgs:"

int build_args_set(char ***args, const char *name, const char *value, struct error *err)
{
	char *pair = str_format("%s=%s", name, value);
	size_t n = strlen(name), i;

	for (i = 0; pair && *args && (*args)[i]; i++)
		if (strncmp((*args)[i], name, n) == 0 && (*args)[i][n] == '=') {
			free((*args)[i]);
			(*args)[i] = pair;
			return 0;
		}
	return strv_take(args, pair) < 0 ? error_set(err, ENOMEM, "build argument %s", name) : 0;
}

/* --- names of packages ------------------------------------------------------------------------------------------ */

/* As LinuxKit has it: no option of the command line changes the name of another package. */
static int args_load_package(struct package *p, const char *dir, struct error *err)
{
	struct package_options options = { 0 };
	struct platform host = platform_host();

	if (package_load(p, dir, &options, &host, err))
		return 0;
	return err && err->msg
		? error_wrap(err, "package %s", dir)
		: error_say(err, EINVAL, "package %s: build.yml is not valid (pith pkg show-tag %s)", dir, dir);
}

static int args_add_package(char ***args, const char *name, const char *dir, struct error *err)
{
	_cleanup_package_ struct package p = PACKAGE_INIT;
	_cleanup_free_ char *full = NULL;

	if (args_load_package(&p, dir, err) < 0)
		return -1;
	full = package_name(&p);
	return full ? build_args_set(args, name, full, err) : error_set(err, ENOMEM, "%s", dir);
}

/* The name with each % filled in. Caller frees. */
static char *args_fill_name(const char *name, const char *image)
{
	struct buf out = { 0 };
	int failed = 0;
	char *text;

	for (; *name; name++) {
		const char *at = image;

		if (*name != '%') {
			failed |= buf_add(&out, name, 1);
			continue;
		}
		for (; *at; at++) {
			char c = *at == '/' || *at == '-' ? '_' : (char)toupper((unsigned char)*at);

			failed |= buf_add(&out, &c, 1);
		}
	}
	text = failed ? NULL : buf_steal_text(&out);
	buf_free(&out);
	return text;
}

static bool is_package_dir(const char *path)
{
	const char *slash = strrchr(path, '/');
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode) && (slash ? slash[1] : path[0]) != '.';
}

static int args_add_found(char ***args, const char *name, const glob_t *found, struct error *err)
{
	size_t i;

	for (i = 0; i < found->gl_pathc; i++) {
		_cleanup_package_ struct package p = PACKAGE_INIT;
		_cleanup_free_ char *own = NULL, *full = NULL;

		if (!is_package_dir(found->gl_pathv[i]))
			continue;
		if (args_load_package(&p, found->gl_pathv[i], err) < 0)
			return -1;
		own = args_fill_name(name, p.image);
		full = package_name(&p);
		if (!own || !full)
			return error_set(err, ENOMEM, "%s", p.image);
		if (build_args_set(args, own, full, err) < 0)
			return -1;
	}
	return 0;
}

static int args_add_packages(char ***args, const char *name, const char *pattern, struct error *err)
{
	glob_t found = { 0 };
	int r;

	if (!strchr(name, '%'))
		return error_say(err, EINVAL, "build argument %s: @lkt:pkgs: is for many packages: the name needs a %%",
				 name);
	r = glob(pattern, 0, NULL, &found);
	if (r == GLOB_NOMATCH)
		r = error_say(err, ENOENT, "build argument %s: %s is no package", name, pattern);
	else if (r)
		r = error_say(err, EIO, "build argument %s: %s cannot be read", name, pattern);
	else
		r = args_add_found(args, name, &found, err);
	globfree(&found);
	return r;
}

/* --- texts ------------------------------------------------------------------------------------------------------ */

static char *args_path(const char *path, const char *dir)
{
	return *path == '/' ? strdup(path) : str_format("%s/%s", dir, path);
}

int build_args_add(char ***args, const char *text, const char *dir, struct error *err)
{
	const char *equals = strchr(text, '='), *value = equals ? equals + 1 : "";
	_cleanup_free_ char *name = equals ? strndup(text, (size_t)(equals - text)) : NULL, *path = NULL;

	if (!equals || equals == text)
		return error_say(err, EINVAL, "build argument \"%s\" is not NAME=VALUE", text);
	if (!name)
		return error_set(err, ENOMEM, "build arguments");
	if (!str_starts(value, SPECIAL))
		return build_args_set(args, name, value, err);
	if (!str_starts(value, PACKAGE) && !str_starts(value, PACKAGES))
		return error_say(err, EINVAL, "build argument %s: \"%s\" is not known: @lkt:pkg: and @lkt:pkgs: are",
				 name, value);
	path = args_path(strchr(value + strlen(SPECIAL), ':') + 1, dir);
	if (!path)
		return error_set(err, ENOMEM, "build arguments");
	return str_starts(value, PACKAGE) ? args_add_package(args, name, path, err)
					  : args_add_packages(args, name, path, err);
}

/* Without the blanks around it; changes the text. */
static char *text_trim(char *text)
{
	size_t n;

	text += strspn(text, " \t\r");
	n = strlen(text);
	while (n && strchr(" \t\r", text[n - 1]))
		text[--n] = '\0';
	return text;
}

static int args_read_line(char ***args, char *line, const char *dir, struct error *err)
{
	char *text = text_trim(line), *equals = strchr(text, '=');
	_cleanup_free_ char *pair = NULL;

	if (!*text || *text == '#')
		return 0;
	if (!equals)
		return error_say(err, EINVAL, "\"%s\" is not NAME=VALUE", text);
	*equals = '\0';
	pair = str_format("%s=%s", text_trim(text), text_trim(equals + 1));
	return pair ? build_args_add(args, pair, dir, err) : error_set(err, ENOMEM, "build arguments");
}

int build_args_read(char ***args, const char *path, struct error *err)
{
	const char *slash = strrchr(path, '/');
	_cleanup_free_ char *dir = slash ? strndup(path, (size_t)(slash - path + 1)) : strdup(".");
	_cleanup_buf_ struct buf text = { 0 };
	char *line, *next;
	unsigned number = 1;

	if (!dir)
		return error_set(err, ENOMEM, "%s", path);
	if (file_read(path, FILE_MAX, &text, err) < 0)
		return -1;
	for (line = text.len ? (char *)buf_bytes(&text) : NULL; line && *line; line = next, number++) {
		next = line + strcspn(line, "\n");
		if (*next)
			*next++ = '\0';
		if (args_read_line(args, line, dir, err) < 0)
			return error_wrap(err, "%s:%u", path, number);
	}
	return 0;
}
