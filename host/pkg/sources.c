/* Where the files of a package may come from: its own folder, the folders that build.yml names as further ones, and
 * below those that the command line allows. Links are followed before a path is judged. */
#include "sources.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "cleanup.h"
#include "io.h"
#include "platform.h"
#include "str.h"

/* --- paths ---------------------------------------------------------------------------------------------------- */

/* "/a/b/../c/." is "/a/c". */
static char *path_clean(const char *path)
{
	_cleanup_strv_ char **parts = strv_split(path, "/");
	_cleanup_free_ char *joined = NULL;
	size_t i, kept = 0;

	if (!parts)
		return NULL;
	for (i = 0; parts[i]; i++) {
		if (str_eq(parts[i], "..") && kept > 0) {
			free(parts[--kept]);
		} else if (!str_eq(parts[i], ".") && !str_eq(parts[i], "..")) {
			parts[kept++] = parts[i];
			continue;
		}
		free(parts[i]);
	}
	parts[kept] = NULL;
	joined = strv_join(parts, "/");
	return joined ? str_format("/%s", joined) : NULL;
}

bool path_is_below(const char *path, const char *root)
{
	size_t n = strlen(root);

	if (str_eq(root, "/"))
		return path[0] == '/';
	return str_starts(path, root) && (path[n] == '/' || path[n] == '\0');
}

static char *on_host(const struct recipe *r, const char *source)
{
	return source[0] == '/' ? strdup(source) : str_format("%s/%s", r->dir, source);
}

/* --- what is allowed ------------------------------------------------------------------------------------------ */

/* SOURCE:DESTINATION, of which only the source means something here. */
static char *extra_text(const struct node *n)
{
	const char *colon = strchr(n->text, ':');

	return colon && colon > n->text && colon[1] && !strchr(colon + 1, ':')
		? strndup(n->text, (size_t)(colon - n->text))
		: NULL;
}

static int add_allowed(struct recipe *r, const char *real, const char *text, struct error *err)
{
	return strv_add(&r->extra, real) < 0 || strv_add(&r->extra_texts, text) < 0
		? error_set(err, ENOMEM, "extra-sources")
		: 0;
}

/* "../../build/guest" and "arm64": "../../build/arm64/guest". */
static char *twin_name(const char *path, const char *arch)
{
	const char *slash = strrchr(path, '/');
	int place = slash ? (int)(slash + 1 - path) : 0;

	return str_format("%.*s%s/%s", place, path, arch, path + place);
}

static int add_twin(struct recipe *r, const char *named, const char *text, const char *arch, struct error *err)
{
	_cleanup_free_ char *twin = twin_name(named, arch), *twin_text = twin_name(text, arch), *real = NULL;

	if (!twin || !twin_text)
		return error_set(err, ENOMEM, "extra-sources");
	real = realpath(twin, NULL);
	if (!real)
		return 0;
	if (strv_add(&r->twins, named) < 0 || strv_add(&r->twins, twin) < 0)
		return error_set(err, ENOMEM, "extra-sources");
	return add_allowed(r, real, twin_text, err);
}

/* A name inside of the folder allows nothing more: it could be a link that leads out. */
static int add_extra(struct recipe *r, const struct node *n, const char *arch, struct error *err)
{
	_cleanup_free_ char *text = extra_text(n), *path = NULL, *named = NULL, *real = NULL;

	if (!text) {
		diag_error(&r->diags, n->at, &(struct where){ .key = "extra-sources" },
			   "\"%s\" is not SOURCE:DESTINATION", n->text);
		return 0;
	}
	path = text[0] == '/' ? strdup(text) : str_format("%s/%s", r->real_dir, text);
	named = path ? path_clean(path) : NULL;
	if (!named)
		return error_set(err, ENOMEM, "extra-sources");
	if (path_is_below(named, r->real_dir))
		return 0;
	real = realpath(path, NULL);
	if (real && add_allowed(r, real, text, err) < 0)
		return -1; /* where it is not there, what needs it says so */
	return arch ? add_twin(r, named, text, arch, err) : 0;
}

int sources_allow(struct recipe *r, char *const *allowed, const char *arch, struct error *err)
{
	const struct node *extra = node_field(r->root, RECIPE_EXTRA_SOURCES);
	size_t i;

	r->real_dir = realpath(r->dir, NULL);
	if (!r->real_dir)
		return error_set(err, errno, "%s", r->dir);
	for (i = 0; extra && i < extra->count; i++)
		if (add_extra(r, extra->items[i], arch, err) < 0)
			return -1;
	for (i = 0; allowed && allowed[i]; i++) {
		_cleanup_free_ char *real = realpath(allowed[i], NULL);

		if (!real)
			return error_set(err, errno, "--allow-source %s", allowed[i]);
		if (strv_add(&r->allowed, real) < 0)
			return error_set(err, ENOMEM, "--allow-source");
	}
	return 0;
}

/* The extra source that a path is below; extra is a vector of at least one. */
static bool find_extra(const struct recipe *r, const char *real, size_t *index)
{
	for (*index = 0; r->extra && r->extra[*index]; ++*index)
		if (path_is_below(real, r->extra[*index]))
			return true;
	return false;
}

static bool is_allowed(const struct recipe *r, const char *real)
{
	size_t i;

	if (path_is_below(real, r->real_dir) || find_extra(r, real, &i))
		return true;
	for (i = 0; r->allowed && r->allowed[i]; i++)
		if (path_is_below(real, r->allowed[i]))
			return true;
	return false;
}

/* --- sources -------------------------------------------------------------------------------------------------- */

/* The path as it is named, without ".." and the like, or what stands for it in a twin. */
static char *source_named(const struct recipe *r, const char *source)
{
	_cleanup_free_ char *absolute = source[0] == '/' ? strdup(source) : str_format("%s/%s", r->real_dir, source);
	char *named = absolute ? path_clean(absolute) : NULL;
	size_t i;

	for (i = 0; named && r->twins && r->twins[i]; i += 2)
		if (path_is_below(named, r->twins[i])) {
			char *twin = str_format("%s%s", r->twins[i + 1], named + strlen(r->twins[i]));

			free(named);
			return twin;
		}
	return named;
}

/* Where a source is, or would be. Of files outside nothing is told, not even that they are missing. */
static char *source_place(const struct recipe *r, const char *source, bool *there)
{
	_cleanup_free_ char *named = source_named(r, source), *path = NULL;
	char *real;

	path = r->twins ? (named ? strdup(named) : NULL) : on_host(r, source);
	real = path ? realpath(path, NULL) : NULL;
	*there = real != NULL;
	return real || !path ? real : steal_ptr(&named);
}

char *source_find(const struct recipe *r, const char *source, struct error *err)
{
	_cleanup_free_ char *real = NULL, *path = r->twins ? source_named(r, source) : on_host(r, source);
	bool there;

	real = path ? source_place(r, source, &there) : NULL;
	if (!real) {
		error_set(err, ENOMEM, "%s", source);
		return NULL;
	}
	if (!is_allowed(r, real)) {
		error_say(err, EPERM, "%s is outside of the package's folder", source);
		return NULL;
	}
	if (!there) {
		error_set(err, access(path, F_OK) < 0 ? errno : EIO, "%s", path);
		return NULL;
	}
	return steal_ptr(&real);
}

static void source_refuse(struct recipe *r, const struct node *file, const struct where *where, const char *real)
{
	const struct node *source = node_field(file, PKG_FILE_SOURCE);
	_cleanup_free_ char *path = on_host(r, source->text), *absolute = NULL, *named = NULL;

	if (path && path[0] != '/')
		absolute = str_format("%s/%s", r->real_dir, source->text);
	named = path ? path_clean(absolute ? absolute : path) : NULL;
	if (named && str_eq(named, real))
		diag_error(&r->diags, source->at, where, "%s is outside of the package's folder", source->text);
	else
		diag_error(&r->diags, source->at, where, "%s leads by a link to %s, outside of the package's folder",
			   source->text, real);
	diag_hint(&r->diags,
		  "name what it is in under extra-sources, or allow it on the command line: --allow-source %s", real);
}

bool sources_check(struct recipe *r)
{
	const struct node *files = node_field(r->root, RECIPE_FILES);
	struct where list = { .key = "files" };
	size_t i;

	for (i = 0; files && i < files->count; i++) {
		const char *source = node_text(files->items[i], PKG_FILE_SOURCE);
		struct where item = { .up = &list, .index = i, .label = node_text(files->items[i], PKG_FILE_PATH) };
		_cleanup_free_ char *real = NULL;
		bool there;

		real = source ? source_place(r, source, &there) : NULL;
		if (source && !real)
			diag_error(&r->diags, files->items[i]->at, &item, "no memory");
		else if (source && !is_allowed(r, real))
			source_refuse(r, files->items[i], &item, real);
	}
	return r->diags.errors == 0;
}

int sources_check_program(const struct recipe *r, const char *real, const char *arch, struct error *err)
{
	struct platform host = platform_host();
	unsigned char head[20] = { 0 };
	_cleanup_close_ int fd = -1;
	size_t i;

	if (path_is_below(real, r->real_dir) || !find_extra(r, real, &i))
		return 0;
	fd = open(real, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || io_pread(fd, head, sizeof(head), 0) < 0)
		return error_set(err, errno, "%s", real);
	if (memcmp(head, "\177ELF", 4) != 0 || !str_eq(platform_elf((uint16_t)(head[18] | head[19] << 8)), host.arch))
		return 0;
	return error_set(
		err, 0,
		"%s is a program for %s, and the image is for %s: programs for that are looked for in a folder "
		"%s beside the one that extra-sources names",
		real, host.arch, arch, arch);
}

char *sources_outside(const struct recipe *r)
{
	const struct node *files = node_field(r->root, RECIPE_FILES);
	_cleanup_strv_ char **texts = NULL;
	size_t i, k;

	for (i = 0; files && i < files->count; i++) {
		const char *source = node_text(files->items[i], PKG_FILE_SOURCE);
		_cleanup_free_ char *real = source ? source_find(r, source, NULL) : NULL;

		if (!real || path_is_below(real, r->real_dir) || !find_extra(r, real, &k))
			continue;
		if (!strv_has(texts, r->extra_texts[k]) && strv_add(&texts, r->extra_texts[k]) < 0)
			return NULL;
	}
	return texts ? strv_join(texts, ", ") : strdup("");
}

char *sources_all_extra(const struct recipe *r)
{
	return r->extra_texts ? strv_join(r->extra_texts, ", ") : strdup("");
}
