/* The files section: files, directories and links that the YAML adds to the root, with their parents. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "assemble_private.h"
#include "dump.h"
#include "input.h"
#include "io.h"
#include "sources.h"
#include "str.h"

enum {
	/* Files of /proc and /sys, pipes and devices say that they are empty; what they hold is read, up to this. */
	VIRTUAL_MAX = 1 << 20,
	FILE_MODE_MAX = 07777777, /* what an archive can say */
};

struct file_entry {
	const struct node *node;
	struct where where[2];
	char *path;   /* relative, without doubled slashes and "." */
	char *source; /* host path, NULL: none */
	uint32_t mode, uid, gid;
	bool directory;
};

static void file_clear(struct file_entry *f)
{
	free(f->path);
	free(f->source);
}
#define _cleanup_file_ _cleanup_(file_clear)

/* --- checks ------------------------------------------------------------------------------------------------------ */

static void file_refuse(struct config *c, const struct file_entry *f, size_t field, const char *text)
{
	const struct node *at = node_field(f->node, field);

	diag_error(&c->diags, at ? at->at : f->node->at, &f->where[1], "%s", text);
}

/* "/a//b/./c/" is "a/b/c"; NULL when a part is "..", or without memory. */
static char *clean_path(const char *s)
{
	_cleanup_strv_ char **parts = strv_split(s, "/"), **kept = NULL;
	char **p;

	if (!parts)
		return NULL;
	for (p = parts; *p; p++) {
		if (str_eq(*p, ".."))
			return NULL;
		if (!str_eq(*p, ".") && strv_add(&kept, *p) < 0)
			return NULL;
	}
	return kept ? strv_join(kept, "/") : strdup("");
}

/* LinuxKit takes such a path for a directory's, also when the entry says that it is a file or a link. */
static bool ends_with_slash(const struct file_entry *f)
{
	const char *path = node_text(f->node, FILE_PATH);

	return path && *path && path[strlen(path) - 1] == '/';
}

static uint32_t file_owner(struct config *c, const struct file_entry *f, size_t field)
{
	uint32_t id;

	config_owner(c, node_field(f->node, field), file_record.fields[field].key, &f->where[1], &id);
	config_doubt_owner(c, node_field(f->node, field), &f->where[1]);
	return id;
}

static void check_path(struct config *c, struct file_entry *f)
{
	const char *path = node_text(f->node, FILE_PATH);

	if (!path || !*path) {
		file_refuse(c, f, FILE_PATH, "the file has no path");
		return;
	}
	f->path = clean_path(path);
	if (!f->path)
		file_refuse(c, f, FILE_PATH, "\"..\" would lead out of the image's root");
	else if (!*f->path && !f->directory)
		file_refuse(c, f, FILE_PATH, "the path is the root itself");
}

/* What is there: exactly one of directory, symlink, contents, source, metadata, as far as LinuxKit insists on it. */
static void check_content(struct config *c, struct file_entry *f)
{
	const struct node *contents = node_field(f->node, FILE_CONTENTS);
	const char *link = node_text(f->node, FILE_SYMLINK), *source = node_text(f->node, FILE_SOURCE);
	const char *metadata = node_text(f->node, FILE_METADATA);
	bool has_link = link && *link, has_source = source && *source, has_metadata = metadata && *metadata;
	bool content = f->directory || has_link || contents;

	if (f->directory && contents)
		file_refuse(c, f, FILE_CONTENTS, "a directory has no contents");
	if (content && has_source)
		file_refuse(c, f, FILE_SOURCE,
			    "there are contents already: remove source, or what the entry is made from");
	if (content && has_metadata)
		file_refuse(c, f, FILE_METADATA,
			    "there are contents already: remove metadata, or what the entry is made from");
	if (has_source && has_metadata)
		file_refuse(c, f, FILE_METADATA, "there is a source already: remove one of both");
	if (!content && !has_source && !has_metadata) {
		file_refuse(c, f, FILE_PATH, "nothing says what the file has");
		diag_hint(&c->diags, "add contents, source, symlink, or `directory: true`");
	}
	if (!f->directory && !has_link && f->path && *f->path && ends_with_slash(f)) {
		if (contents && !contents->len) {
			diag_warning(&c->diags, contents->at, &f->where[1],
				     "the path ends with \"/\": this makes a directory");
		} else {
			file_refuse(c, f, FILE_PATH, "the path of a file ends with \"/\"");
			diag_hint(&c->diags, "remove it, or make a directory with `directory: true`");
		}
	}
	if (has_metadata && !str_eq(metadata, "yaml") && !str_eq(metadata, "json"))
		file_refuse(c, f, FILE_METADATA, "the metadata is \"yaml\" or \"json\"");
	if (f->directory && has_link)
		diag_warning(&c->diags, f->node->at, &f->where[1], "a directory: symlink has no effect");
	else if (has_link && contents)
		diag_warning(&c->diags, f->node->at, &f->where[1], "a symbolic link: contents have no effect");
}

static char *source_path(const char *source)
{
	const char *home = getenv("HOME");

	if (str_starts(source, "~/") && source[2] && home)
		return str_format("%s%s", home, source + 1);
	return strdup(source);
}

static void check_source(struct config *c, struct file_entry *f, bool *skip)
{
	const char *source = node_text(f->node, FILE_SOURCE);
	struct stat st;

	if (!source || !*source)
		return;
	f->source = source_path(source);
	if (!f->source) {
		file_refuse(c, f, FILE_SOURCE, "no memory");
		return;
	}
	if (stat(f->source, &st) < 0) {
		*skip = node_true(f->node, FILE_OPTIONAL);
		if (!*skip)
			diag_error(&c->diags, node_field(f->node, FILE_SOURCE)->at, &f->where[1], "%s: %s", f->source,
				   strerror(errno));
	} else if (S_ISDIR(st.st_mode)) {
		file_refuse(c, f, FILE_SOURCE, "the source is a directory");
		diag_hint(&c->diags, "name one file; each needs an entry of its own");
	}
}

/* Fills f from an entry; what is wrong goes into diags, except (skip NULL) of what the source holds. skip: an optional
 * source is not there. */
static void file_parse(struct config *c, const struct entry *e, struct file_entry *f, bool *skip)
{
	const struct node *mode = node_field(e->node, FILE_MODE);

	*f = (struct file_entry){ .node = e->node, .directory = node_true(e->node, FILE_DIRECTORY) };
	where_entry(f->where, "files", e);
	check_path(c, f);
	if (skip) {
		*skip = false;
		check_source(c, f, skip);
	}
	f->mode = f->directory ? 0700 : 0600;
	if (mode && mode->len && (!mode_parse(mode->text, &f->mode) || f->mode > FILE_MODE_MAX)) {
		file_refuse(c, f, FILE_MODE, "the mode is not octal, or too large");
		diag_hint(&c->diags, "write `mode: \"0644\"`");
	}
	f->mode &= 07777;
	f->uid = file_owner(c, f, FILE_UID);
	f->gid = file_owner(c, f, FILE_GID);
}

static bool is_allowed(const char *source, char *const *allowed)
{
	_cleanup_free_ char *real = realpath(source, NULL);

	for (; real && allowed && *allowed; allowed++) {
		_cleanup_free_ char *root = realpath(*allowed, NULL);

		if (root && path_is_below(real, root))
			return true;
	}
	return false;
}

/* Who writes what a web server gives is not who has the files here. */
static void check_foreign(struct config *c, const struct file_entry *f, char *const *allowed)
{
	const struct node *n = node_field(f->node, FILE_SOURCE);
	_cleanup_free_ char *source = n && n->len ? source_path(n->text) : NULL;

	if (!source || !input_is_url(n->at.file->name) || is_allowed(source, allowed))
		return;
	file_refuse(c, f, FILE_SOURCE, "YAML from a web server takes no file of this machine");
	diag_hint(&c->diags, "`--allow-source %s` allows it", source);
}

void files_check(struct config *c, bool sources, char *const *allowed)
{
	size_t i;

	for (i = 0; i < c->added.count; i++) {
		_cleanup_file_ struct file_entry f;
		bool skip;

		file_parse(c, &c->added.list[i], &f, sources ? &skip : NULL);
		check_content(c, &f);
		check_foreign(c, &f, allowed);
	}
}

/* --- adding ------------------------------------------------------------------------------------------------------- */

/* Whoever may read or write something of a file may search its parents. */
static uint32_t directory_mode(uint32_t mode)
{
	uint32_t who;

	for (who = 0700; who; who >>= 3)
		if (mode & who)
			mode |= who & 0111;
	return mode;
}

/* A directory in place of a link would hide all that is behind the link. */
static int check_parent(const struct tree *t, const struct file_entry *f, const char *parent, struct error *err)
{
	const struct tree_node *n = tree_find(t, parent);

	if (!n || n->inode->type != TREE_SYMLINK)
		return 0;
	return error_set(err, 0, "%s is a symbolic link to %s: name the file's real path instead of %s", parent,
			 n->inode->target, f->path);
}

/* As LinuxKit remembers what it made: parents by their plain path, the file by the text of the YAML. */
static int file_remember(const struct file_entry *f, char ***made, struct error *err)
{
	const char *text = node_text(f->node, FILE_PATH);

	if (ends_with_slash(f))
		text = f->path;
	else if (*text == '/')
		text++;
	return strv_add(made, text) < 0 ? error_set(err, ENOMEM, "%s", f->path) : 0;
}

/* The parents, which the section has not made itself yet, get the file's owner and mode, also where they exist. */
static int add_parents(struct tree *t, const struct file_entry *f, char ***made, struct error *err)
{
	struct tree_meta meta = { directory_mode(f->mode), f->uid, f->gid, ASSEMBLY_TIME };
	const char *slash;

	for (slash = strchr(f->path, '/'); slash; slash = strchr(slash + 1, '/')) {
		_cleanup_free_ char *parent = strndup(f->path, (size_t)(slash - f->path));

		if (!parent)
			return error_set(err, ENOMEM, "%s", f->path);
		if (*made && strv_has(*made, parent))
			continue;
		if (check_parent(t, f, parent, err) < 0)
			return -1;
		if (!tree_add_dir(t, parent, &meta, err))
			return -1;
		if (strv_add(made, parent) < 0)
			return error_set(err, ENOMEM, "%s", f->path);
	}
	return file_remember(f, made, err);
}

static int add_metadata(struct assembly *a, const struct file_entry *f, const struct tree_meta *meta, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	size_t len;

	text = str_eq(node_text(f->node, FILE_METADATA), "json") ? config_json(a->config, &len)
								 : config_yaml(a->config, true, &len);
	if (!text)
		return error_set(err, ENOMEM, "%s", f->path);
	return tree_add_bytes(a->tree, f->path, meta, text, len, err) ? 0 : -1;
}

static int add_source(struct assembly *a, const struct file_entry *f, const struct tree_meta *meta, struct error *err)
{
	_cleanup_buf_ struct buf content = { 0 };
	struct stat st;

	if (stat(f->source, &st) < 0)
		return error_set(err, errno, "%s", f->source);
	if (st.st_size > 0)
		return tree_add_file(a->tree, f->path, meta, f->source, err) ? 0 : -1;
	if (file_read(f->source, VIRTUAL_MAX, &content, err) < 0)
		return -1;
	return tree_add_bytes(a->tree, f->path, meta, content.len ? buf_bytes(&content) : (const void *)"", content.len,
			      err)
		? 0
		: -1;
}

/* Nothing takes the place of a directory with files in it: they would be gone without a word. */
static int check_place(const struct tree *t, const struct file_entry *f, struct error *err)
{
	const struct tree_node *n = tree_find(t, f->path);

	if (!n || n->inode->type != TREE_DIR || !n->children)
		return 0;
	return error_set(err, 0, "%s is a directory with files in it: it cannot be replaced", f->path);
}

static int add_file(struct assembly *a, const struct file_entry *f, char ***made, struct error *err)
{
	struct tree_meta meta = { f->mode, f->uid, f->gid, ASSEMBLY_TIME };
	const struct node *contents = node_field(f->node, FILE_CONTENTS);
	const char *link = node_text(f->node, FILE_SYMLINK);
	bool directory = f->directory || (contents && !contents->len && ends_with_slash(f));

	if (add_parents(a->tree, f, made, err) < 0 || (!directory && check_place(a->tree, f, err) < 0))
		return -1;
	if (f->directory)
		return tree_add_dir(a->tree, f->path, &meta, err) ? 0 : -1;
	if (link && *link)
		return tree_add_symlink(a->tree, f->path, &meta, link, err) ? 0 : -1;
	if (contents && !contents->len && ends_with_slash(f))
		return tree_add_dir(a->tree, f->path, &meta, err) ? 0 : -1;
	if (contents)
		return tree_add_bytes(a->tree, f->path, &meta, contents->text, contents->len, err) ? 0 : -1;
	if (f->source)
		return add_source(a, f, &meta, err);
	return add_metadata(a, f, &meta, err);
}

void files_add(struct assembly *a)
{
	_cleanup_strv_ char **made = NULL;
	size_t i;

	for (i = 0; i < a->config->added.count; i++) {
		_cleanup_error_ struct error problem = { 0 };
		_cleanup_file_ struct file_entry f;
		const struct node *path;
		bool skip;

		file_parse(a->config, &a->config->added.list[i], &f, &skip);
		path = node_field(f.node, FILE_PATH);
		if (!skip && a->config->diags.errors == 0 &&
		    (origin_begin(a, "linuxkit.files", "files", i, &problem) < 0 ||
		     add_file(a, &f, &made, &problem) < 0))
			diag_error(&a->config->diags, path->at, &f.where[1], "%s", error_text(&problem));
	}
}
