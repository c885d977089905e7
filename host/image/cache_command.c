/* `pith cache`: the command line of the image cache. The only file here that prints. */
#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "export.h"
#include "import.h"
#include "io.h"
#include "log.h"
#include "pull.h"
#include "push.h"
#include "str.h"

struct options {
	const char *platform, *outfile, *name, *remote_name;
	enum export_format format;
	bool published_only, arch_tags, override, force;
	char **args;
	size_t count;
};

/* --- ls --- */

/* A name may come from an index that somebody else wrote. */
static void print_name(const char *name, size_t width, const char *digest)
{
	_cleanup_free_ char *shown = str_escape(name);

	printf("%-*s  %s\n", (int)width, shown ? shown : "?", digest);
}

static int run_ls(struct store *s, const struct options *o, struct error *err)
{
	struct store_entry *entries;
	size_t count, width = 0;

	(void)o;
	if (store_list(s, &entries, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		if (strlen(entries[i].name) > width)
			width = strlen(entries[i].name);
	for (size_t i = 0; i < count; i++)
		print_name(entries[i].name, width, entries[i].desc.digest);
	store_list_free(entries, count);
	return fflush(stdout) < 0 ? error_set(err, errno, "standard output") : 0;
}

/* --- import, export --- */

/* What replaces something says so. */
static void name_say(const char *what, const char *name, const char *was, const char *is)
{
	if (was)
		log_info("%s %s (was %s, is %s)", what, name, was, is);
	else
		log_info("%s %s", what, name);
}

static int run_import(struct store *s, const struct options *o, struct error *err)
{
	for (size_t i = 0; i < o->count; i++) {
		_cleanup_(imported_clear) struct imported got = { 0 };
		struct import_options how = { .name = o->name, .replace = o->force };

		if (image_import(s, o->args[i], &how, &got, err) < 0)
			return err->code == EEXIST
				? error_wrap(err, "nothing imported (--force replaces, --name gives another name)")
				: -1;
		for (size_t k = 0; k < got.count; k++)
			name_say("imported", got.images[k].name, got.images[k].was, got.images[k].desc.digest);
	}
	return 0;
}

/* "all": *all, and any platform. */
static int get_platform(const struct options *o, struct platform *out, bool *all, struct error *err)
{
	*all = o->platform && str_eq(o->platform, "all");
	*out = platform_host();
	return o->platform && !*all ? platform_parse(o->platform, out, err) : 0;
}

static int run_export(struct store *s, const struct options *o, struct error *err)
{
	struct platform platform;
	bool all;

	if (get_platform(o, &platform, &all, err) < 0)
		return -1;
	return image_export(s, o->args[0], all ? NULL : &platform, o->format, o->name, o->outfile, err);
}

/* --- registries --- */

/* What a name stands for; NULL: nothing. */
static char *digest_of(struct store *s, const char *text)
{
	_cleanup_descriptor_ struct oci_descriptor d = { 0 };
	_cleanup_ref_ struct ref ref = { 0 };

	return ref_parse(text, &ref, NULL) == 0 && store_find(s, &ref, &d, NULL) == 0 ? strdup(d.digest) : NULL;
}

static int run_pull(struct store *s, const struct options *o, struct error *err)
{
	struct platform platform;
	bool all;

	if (get_platform(o, &platform, &all, err) < 0)
		return -1;
	for (size_t i = 0; i < o->count; i++) {
		_cleanup_free_ char *was = digest_of(s, o->args[i]), *is = NULL;

		if (image_pull(s, o->args[i], all ? NULL : &platform, err) < 0)
			return -1;
		is = digest_of(s, o->args[i]);
		name_say("pulled", o->args[i], was && is && !str_eq(was, is) ? was : NULL, is);
	}
	return 0;
}

static int run_push(struct store *s, const struct options *o, struct error *err)
{
	for (size_t i = 0; i < o->count; i++) {
		bool skipped;

		if (image_push(s, o->args[i], o->remote_name, o->arch_tags ? PUSH_IMAGE | PUSH_ARCHES : PUSH_IMAGE,
			       o->override, &skipped, err) < 0)
			return -1;
		log_info(skipped ? "%s is in the registry already: skipped (--override pushes it again)" : "pushed %s",
			 o->remote_name ? o->remote_name : o->args[i]);
	}
	return 0;
}

/* --- removal --- */

/* True when the registry has the same digest under the name. */
static bool name_published(const char *name, const char *digest)
{
	_cleanup_error_ struct error err = { 0 };
	_cleanup_free_ char *there = registry_digest(name, &err);

	if (there && str_eq(there, digest))
		return true;
	log_info("%s stays: %s", name, there ? "the registry has another digest" : "the registry does not have it");
	return false;
}

static int store_clean(struct store *s, struct error *err)
{
	uint64_t blobs, bytes;
	struct error why = { 0 };

	if (store_collect(s, &blobs, &bytes, &why) == 0) {
		log_info("%llu blobs removed, %llu bytes freed", (unsigned long long)blobs, (unsigned long long)bytes);
		return 0;
	}
	if (why.code == EBADMSG)
		log_info("%s: no blobs are removed until this image is removed or stored again", error_text(&why));
	else if (why.code == EBUSY)
		log_info("%s: what the images hold is removed the next time", error_text(&why));
	else
		return error_move(err, &why);
	error_clear(&why);
	return 0;
}

static int run_rm(struct store *s, const struct options *o, struct error *err)
{
	for (size_t i = 0; i < o->count; i++) {
		_cleanup_ref_ struct ref ref = { 0 };
		_cleanup_descriptor_ struct oci_descriptor d = { 0 };
		_cleanup_free_ char *name = NULL;

		if (ref_parse(o->args[i], &ref, err) < 0)
			return -1;
		name = ref_cache_name(&ref);
		if (!name)
			return error_set(err, ENOMEM, "image name");
		if (o->published_only && (store_find(s, &ref, &d, err) < 0 || !name_published(name, d.digest))) {
			if (!d.digest)
				return -1;
			continue;
		}
		if (store_remove_name(s, name, err) < 0)
			return -1;
	}
	return store_clean(s, err);
}

static int remove_published(struct store *s, struct error *err)
{
	_cleanup_strv_ char **names = NULL;
	struct store_entry *entries;
	size_t count;
	int r = 0;

	if (store_list(s, &entries, &count, err) < 0)
		return -1;
	for (size_t i = 0; r == 0 && i < count; i++)
		if (name_published(entries[i].name, entries[i].desc.digest) && strv_add(&names, entries[i].name) < 0)
			r = error_set(err, ENOMEM, "image cache");
	store_list_free(entries, count);
	return r < 0 ? -1 : store_remove_names(s, names, names ? strv_len(names) : 0, err);
}

static int run_clean(struct store *s, const struct options *o, struct error *err)
{
	if ((o->published_only ? remove_published(s, err) : store_remove_all(s, err)) < 0)
		return -1;
	return store_clean(s, err);
}

/* --- the command line --- */

static const char *const formats[] = {
	[EXPORT_OCI] = "oci", [EXPORT_DOCKER] = "docker", [EXPORT_FILESYSTEM] = "filesystem", NULL
};

#define FIELD(name) offsetof(struct options, name)

static const struct option cache_table[] = {
	{ "name", .argument = "NAME", .set = option_set_text, .field = FIELD(name),
	  .help = "import: what the image is called, whatever the archive says; export: what it is called in the "
		  "file" },
	{ "force", .set = option_set_switch, .field = FIELD(force),
	  .help = "import: also under names that stand for another image already" },
	{ "outfile", .argument = "FILE", .set = option_set_text, .field = FIELD(outfile),
	  .help = "export: where to, required; -: standard output" },
	{ "format", .argument = "FORMAT", .set = option_set_choice, .field = FIELD(format), .choices = formats,
	  .help = "export: oci (default), docker or filesystem" },
	{ "platform", .argument = "P", .set = option_set_text, .field = FIELD(platform),
	  .help = "pull, export: linux/ARCH (default: this machine's) or all" },
	{ "remote-name", .argument = "NAME", .set = option_set_text, .field = FIELD(remote_name),
	  .help = "push: under another name" },
	{ "with-arch-tags", .set = option_set_switch, .field = FIELD(arch_tags),
	  .help = "push: each platform as TAG-ARCH too" },
	{ "override", .set = option_set_switch, .field = FIELD(override),
	  .help = "push: also when the registry has the name already" },
	{ "published-only", .set = option_set_switch, .field = FIELD(published_only),
	  .help = "rm, clean: only what the registry has, with the same digest" },
	{ 0 },
};

static const struct command_verb cache_verbs[] = {
	{ "ls", NULL, "list the images" },
	{ "import", "FILE...", "take in OCI archives, docker archives or layout directories (-: standard input)" },
	{ "export", "NAME", "write an image into a file" },
	{ "pull", "NAME...", "fetch images from their registries" },
	{ "push", "NAME...", "copy images to their registries" },
	{ "rm", "NAME...", "remove images" },
	{ "clean", NULL, "remove all images" },
	{ 0 },
};

/* In the order of cache_verbs. */
static int (*const cache_runs[])(struct store *s, const struct options *o, struct error *err) = {
	run_ls, run_import, run_export, run_pull, run_push, run_rm, run_clean,
};
static_assert(array_len(cache_runs) + 1 == array_len(cache_verbs), "one function a verb");

static int words_check(const struct command_verb *verb, const struct options *o, struct error *err)
{
	if (!verb->words && o->count)
		return error_set(err, 0, "%s takes no names%s", verb->name,
				 str_eq(verb->name, "clean") ? ": rm does" : "");
	if (verb->words && !o->count)
		return error_set(err, 0, "%s what? `pith cache --help` tells", verb->name);
	if (str_eq(verb->name, "import") && o->name && o->count > 1)
		return error_set(err, 0, "--name goes with one file");
	if (str_eq(verb->name, "push") && o->remote_name && o->count > 1)
		return error_set(err, 0, "--remote-name goes with one image");
	if (str_eq(verb->name, "export") && o->count != 1)
		return error_set(err, 0, "export takes one image");
	if (str_eq(verb->name, "export") && !o->outfile)
		return error_set(err, 0, "where to? --outfile FILE, or --outfile - for standard output");
	return 0;
}

static int cache_run(size_t verb, const struct options *o)
{
	_cleanup_error_ struct error err = { 0 };
	_cleanup_store_ struct store *s = store_open(NULL, &err);

	if (s && cache_runs[verb](s, o, &err) == 0)
		return 0;
	log_error("%s", error_text(&err));
	return 1;
}

static int cache_main(const struct command *c, char **argv)
{
	_cleanup_error_ struct error err = { 0 };
	const struct command_verb *verb;
	struct options o = { 0 };
	int status = command_line(c, argv, &o);

	if (status >= 0)
		return status;
	if (!argv[1]) {
		command_help(c, stderr);
		return 2;
	}
	o.args = argv + 2;
	o.count = strv_len(o.args);
	verb = verb_find(c->verbs, argv[1], "`pith cache --help` lists them", &err);
	if (!verb || words_check(verb, &o, &err) < 0)
		return command_refuse(&err);
	return cache_run((size_t)(verb - cache_verbs), &o);
}

static const char *const cache_usage[] = { "COMMAND [OPTION...] [ARGUMENT...]", NULL };

const struct command cache_command = {
	.name = "cache",
	.summary = "list, fetch, import and export images",
	.usage = cache_usage,
	.text = "The images that `pith build` makes machines of, those that were pulled as well as those that `pith "
		"pkg` "
		"made.",
	.verbs = cache_verbs,
	.options = cache_table,
	.run = cache_main,
};
