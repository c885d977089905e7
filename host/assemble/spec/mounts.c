/* The mounts of config.json: the defaults, tmpfs, binds and mounts, a later one replacing what has its destination;
 * sorted by destination, so that parents come first. */
#include <stdlib.h>
#include <string.h>

#include "spec_private.h"
#include "str.h"

struct mount {
	char *destination, *type, *source;
	char **options;
	const struct node *at; /* NULL: a default */
};

struct mounts {
	struct mount *list;
	size_t count;
};

#define _cleanup_mounts_ _cleanup_(mounts_free)

static void mount_clear(struct mount *m)
{
	free(m->destination);
	free(m->type);
	free(m->source);
	strv_free(m->options);
}

static void mounts_free(struct mounts *all)
{
	size_t i;

	for (i = 0; i < all->count; i++)
		mount_clear(&all->list[i]);
	free(all->list);
}

static void mounts_lack_memory(struct spec_builder *b)
{
	b->json.failed = true;
}

/* Adds or replaces. Takes options (NULL: none). */
static void mounts_set(struct spec_builder *b, struct mounts *all, const struct node *at, const char *destination,
		       const char *type, const char *source, char **options)
{
	struct mount m = { strdup(destination), strdup(type), strdup(source), options, at }, *bigger;
	size_t i;

	for (i = 0; i < all->count; i++) {
		if (str_eq(all->list[i].destination, destination)) {
			mount_clear(&all->list[i]);
			all->list[i] = m;
			break;
		}
	}
	if (i == all->count) {
		bigger = reallocarray(all->list, all->count + 1, sizeof *bigger);
		if (bigger) {
			all->list = bigger;
			bigger[all->count++] = m;
		} else {
			mount_clear(&m);
			mounts_lack_memory(b);
			return;
		}
	}
	if (!m.destination || !m.type || !m.source)
		mounts_lack_memory(b);
}

/* Cuts at every separator, keeping empty parts. */
static char **text_cut(struct spec_builder *b, const char *s, char separator)
{
	char **v = NULL;

	for (;;) {
		const char *end = strchrnul(s, separator);

		if (strv_addf(&v, "%.*s", (int)(end - s), s) < 0) {
			mounts_lack_memory(b);
			break;
		}
		if (!*end)
			break;
		s = end + 1;
	}
	return v;
}

static void add_option(struct spec_builder *b, char ***options, const char *option)
{
	if (strv_add(options, option) < 0)
		mounts_lack_memory(b);
}

/* What Docker mounts, without /dev/shm and /dev/mqueue. `ro`: added for a read-only container. */
static const struct {
	const char *destination, *type, *options;
	bool ro;
} defaults[] = {
	{ "/proc", "proc", "nosuid,nodev,noexec,relatime", false },
	{ "/dev", "tmpfs", "nosuid,strictatime,mode=755,size=65536k", true },
	{ "/dev/pts", "devpts", "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620", false },
	{ "/sys", "sysfs", "nosuid,noexec,nodev", true },
	{ "/sys/fs/cgroup", "cgroup", "nosuid,noexec,nodev,relatime,ro", false },
};

static void add_defaults(struct spec_builder *b, struct mounts *all, bool readonly)
{
	size_t i;

	for (i = 0; i < array_len(defaults); i++) {
		char **options = text_cut(b, defaults[i].options, ',');

		if (readonly && defaults[i].ro)
			add_option(b, &options, "ro");
		mounts_set(b, all, NULL, defaults[i].destination, defaults[i].type, defaults[i].type, options);
	}
}

static void add_tmpfs(struct spec_builder *b, struct mounts *all)
{
	struct texts t = spec_pick_texts(b, CONTAINER_TMPFS);
	size_t i, n = texts_count(&t);

	for (i = 0; i < n; i++) {
		const struct node *at = texts_at(&t, i);
		_cleanup_strv_ char **parts = text_cut(b, at->text, ':');

		if (!parts)
			continue;
		if (strv_len(parts) > 2) {
			spec_error(b, at, "tmpfs", "\"%s\" is not DESTINATION[:OPTIONS]", at->text);
			continue;
		}
		mounts_set(b, all, at, parts[0], "tmpfs", "tmpfs", parts[1] ? text_cut(b, parts[1], ',') : NULL);
	}
}

/* --- volumes ---------------------------------------------------------------------------------------------------- */

static const char *volume_at(size_t i, const void *data)
{
	const struct config *c = data;

	return i < c->volumes.count ? node_text(c->volumes.list[i].node, VOLUME_NAME) : NULL;
}

/* Where a volume is mounted at boot; NULL with an error when there is none of that name, or it is read-only and the
 * mount is not. hint: what to write for a read-only mount. */
static char *volume_path(struct spec_builder *b, const struct node *at, const char *key, const char *name,
			 bool readonly, const char *hint)
{
	const struct node *volume = config_volume(b->in->config, name);
	char *path;

	if (!volume) {
		spec_error(b, at, key, "\"%s\" is neither an absolute path nor the name of a volume", name);
		diag_suggest(b->diags, name, volume_at, b->in->config);
		return NULL;
	}
	if (node_true(volume, VOLUME_READONLY) && !readonly) {
		spec_error(b, at, key, "the volume \"%s\" is read-only, this would mount it writable", name);
		diag_hint(b->diags, "%s", hint);
		return NULL;
	}
	path = str_format("/containers/volumes/%s/merged", name);
	if (!path)
		mounts_lack_memory(b);
	return path;
}

/* --- binds -------------------------------------------------------------------------------------------------------- */

/* SOURCE:DESTINATION[:OPTIONS]. Only the YAML's own may name volumes. all NULL: of a list that is not used only the
 * volumes matter. */
static void add_bind(struct spec_builder *b, struct mounts *all, const struct node *at, const char *key,
		     bool from_label)
{
	_cleanup_strv_ char **parts = text_cut(b, at->text, ':');
	_cleanup_free_ char *volume = NULL;
	size_t n = parts ? strv_len(parts) : 0;
	char **options = NULL;

	if (!parts)
		return;
	if (all && (n < 2 || n > 3 || !*parts[1])) {
		spec_error(b, at, key, "\"%s\" is not SOURCE:DESTINATION[:OPTIONS]", at->text);
		if (n < 2)
			diag_hint(b->diags, "for example \"%s:%s\"", at->text, at->text);
		return;
	}
	if (!from_label && parts[0][0] != '/') {
		volume = volume_path(b, at, key, parts[0], n >= 3 && str_eq(parts[2], "ro"), "end it with \":ro\"");
		if (!volume)
			return;
	}
	if (!all)
		return;
	if (n == 3) {
		options = text_cut(b, parts[2], ',');
		add_option(b, &options, "rbind");
	} else {
		options = text_cut(b, "rw,rbind,rshared", ',');
	}
	mounts_set(b, all, at, parts[1], "bind", volume ? volume : parts[0], options);
}

static void add_binds(struct spec_builder *b, struct mounts *all)
{
	struct texts t = spec_pick_added(b, CONTAINER_BINDS, CONTAINER_BINDS_ADD);
	const struct node *unused =
		node_field(b->yaml, CONTAINER_BINDS) ? node_field(b->yaml, CONTAINER_BINDS_ADD) : NULL;
	size_t i, first = t.first ? t.first->count : 0, n = texts_count(&t);

	for (i = 0; i < n; i++)
		add_bind(b, all, texts_at(&t, i), i < first ? t.first_key : t.second_key,
			 i < first && t.first_from_label);
	/* binds replaces binds.add, whose volumes must exist all the same */
	for (i = 0; unused && i < unused->count; i++)
		if (*unused->items[i]->text != '/')
			add_bind(b, NULL, unused->items[i], "binds.add", false);
}

/* --- mounts ------------------------------------------------------------------------------------------------------- */

static const char *default_destination(const char *type)
{
	static const char *const table[][2] = {
		{ "proc", "/proc" },         { "devpts", "/dev/pts" },
		{ "sysfs", "/sys" },         { "cgroup", "/sys/fs/cgroup" },
		{ "mqueue", "/dev/mqueue" },
	};
	size_t i;

	for (i = 0; i < array_len(table); i++)
		if (str_eq(table[i][0], type))
			return table[i][1];
	return "";
}

static bool is_read_only(const struct node *options)
{
	size_t i;

	for (i = 0; options && i < options->count; i++) {
		if (str_eq(options->items[i]->text, "rw"))
			return false;
		if (str_eq(options->items[i]->text, "ro"))
			return true;
	}
	return false;
}

static char **copy_options(struct spec_builder *b, const struct node *options)
{
	char **v = NULL;
	size_t i;

	for (i = 0; options && i < options->count; i++)
		add_option(b, &v, options->items[i]->text);
	return v;
}

static const char *or_empty(const char *s)
{
	return s ? s : "";
}

static void add_mount(struct spec_builder *b, struct mounts *all, const struct node *m, bool from_label)
{
	const char *type = or_empty(node_text(m, MOUNT_TYPE)), *source = or_empty(node_text(m, MOUNT_SOURCE));
	const char *destination = or_empty(node_text(m, MOUNT_DESTINATION));
	const struct node *options = node_field(m, MOUNT_OPTIONS), *at = node_field(m, MOUNT_SOURCE);
	_cleanup_free_ char *volume = NULL;

	if (!from_label && str_eq(type, "bind") && *source != '/') {
		volume = volume_path(b, at ? at : m, "mounts", source, is_read_only(options),
				     "write `options: [ro, bind]`");
		if (!volume)
			return;
		source = volume;
	}
	if (!*type && *default_destination(source))
		type = source;
	if (!*type && str_eq(destination, "/dev"))
		type = "tmpfs";
	if (!*type) {
		spec_error(b, m, "mounts", "the mount has no type");
		diag_hint(b->diags, "for example `type: tmpfs`, or `type: bind` with a source");
		return;
	}
	if (!*source)
		source = type;
	if (!*destination)
		destination = default_destination(type);
	if (!*destination) {
		spec_error(b, m, "mounts", "the mount has no destination");
		return;
	}
	mounts_set(b, all, m, destination, type, source, copy_options(b, options));
}

static void add_mounts(struct spec_builder *b, struct mounts *all)
{
	const struct node *list = spec_pick(b, CONTAINER_MOUNTS);
	bool from_label = !node_field(b->yaml, CONTAINER_MOUNTS);
	size_t i;

	for (i = 0; list && i < list->count; i++)
		add_mount(b, all, list->items[i], from_label);
}

/* --- the whole ---------------------------------------------------------------------------------------------------- */

static int mount_compare(const void *pa, const void *pb)
{
	return strcmp(((const struct mount *)pa)->destination, ((const struct mount *)pb)->destination);
}

void spec_mounts(struct spec_builder *b, bool readonly)
{
	_cleanup_mounts_ struct mounts all = { 0 };
	size_t i;

	add_defaults(b, &all, readonly);
	add_tmpfs(b, &all);
	add_binds(b, &all);
	add_mounts(b, &all);
	if (b->json.failed)
		return;
	qsort(all.list, all.count, sizeof *all.list, mount_compare);
	jsonw_list(&b->json, "mounts");
	for (i = 0; i < all.count; i++) {
		if (b->in->on_mount)
			b->in->on_mount(b->in->data, all.list[i].destination, all.list[i].at);
		jsonw_object(&b->json, NULL);
		jsonw_string(&b->json, "destination", all.list[i].destination);
		jsonw_string(&b->json, "type", all.list[i].type);
		jsonw_string(&b->json, "source", all.list[i].source);
		if (all.list[i].options)
			jsonw_strings(&b->json, "options", all.list[i].options);
		jsonw_end(&b->json);
	}
	jsonw_end(&b->json);
}
