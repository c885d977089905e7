/* `pith cache`: the command line of the image cache. The only file here that prints. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "export.h"
#include "globals.h"
#include "import.h"
#include "io.h"
#include "log.h"
#include "skopeo.h"
#include "str.h"

struct options {
	const char *platform, *outfile, *format, *name, *remote_name;
	bool published_only, arch_tags, override, force;
	char **args;
	size_t count;
};

static const char usage_text[] =
	"usage: pith cache COMMAND [OPTION...] [ARGUMENT...]\n\n"
	"  ls                      list the images\n"
	"  import FILE...          take in OCI archives, docker archives or layout directories (-: standard input)\n"
	"         --name NAME          what the image is called, whatever the archive says\n"
	"         --force              also under names that stand for another image already\n"
	"  export NAME             write an image into a file\n"
	"         --outfile FILE       required; -: standard output\n"
	"         --format FORMAT      oci (default), docker or filesystem\n"
	"         --platform P         linux/ARCH (default: this machine's) or all\n"
	"         --name NAME          what it is called in the file\n"
	"  pull NAME...            fetch images from their registries\n"
	"         --platform P         linux/ARCH (default: this machine's) or all\n"
	"  push NAME...            copy images to their registries\n"
	"         --remote-name NAME   under another name\n"
	"         --with-arch-tags     each platform as TAG-ARCH too\n"
	"         --override           also when the registry has the name already\n"
	"  rm NAME...              remove images\n"
	"  clean                   remove all images\n"
	"         --published-only     rm, clean: only what the registry has, with the same digest\n\n"
	"  --cache DIR             the cache (default: $PITH_CACHE or $LINUXKIT_CACHE, else ~/.pith/cache)\n";

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
static void say(const char *what, const char *name, const char *was, const char *is)
{
	if (was)
		log_info("%s %s (was %s, is %s)", what, name, was, is);
	else
		log_info("%s %s", what, name);
}

static int run_import(struct store *s, const struct options *o, struct error *err)
{
	if (o->name && o->count > 1)
		return error_say(err, EINVAL, "--name goes with one file");
	for (size_t i = 0; i < o->count; i++) {
		_cleanup_(imported_clear) struct imported got = { 0 };
		struct import_options how = { .name = o->name, .replace = o->force };

		if (image_import(s, o->args[i], &how, &got, err) < 0)
			return err->code == EEXIST
				? error_wrap(err, "nothing imported (--force replaces, --name gives another name)")
				: -1;
		for (size_t k = 0; k < got.count; k++)
			say("imported", got.images[k].name, got.images[k].was, got.images[k].desc.digest);
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
	static const struct {
		const char *name;
		enum export_format format;
	} formats[] = { { "oci", EXPORT_OCI }, { "docker", EXPORT_DOCKER }, { "filesystem", EXPORT_FILESYSTEM } };
	const char *wanted = o->format ? o->format : "oci";
	struct platform platform;
	bool all;

	if (o->count != 1)
		return error_say(err, EINVAL, "export takes one image");
	if (!o->outfile)
		return error_say(err, EINVAL, "where to? --outfile FILE, or --outfile - for standard output");
	if (get_platform(o, &platform, &all, err) < 0)
		return -1;
	for (size_t i = 0; i < array_len(formats); i++)
		if (str_eq(formats[i].name, wanted))
			return image_export(s, o->args[0], all ? NULL : &platform, formats[i].format, o->name,
					    o->outfile, err);
	return error_say(err, EINVAL, "unknown format \"%s\": oci, docker or filesystem", wanted);
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
		say("pulled", o->args[i], was && is && !str_eq(was, is) ? was : NULL, is);
	}
	return 0;
}

static int run_push(struct store *s, const struct options *o, struct error *err)
{
	if (o->remote_name && o->count > 1)
		return error_say(err, EINVAL, "--remote-name goes with one image");
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
static bool published(const char *name, const char *digest)
{
	_cleanup_error_ struct error err = { 0 };
	_cleanup_free_ char *there = registry_digest(name, &err);

	if (there && str_eq(there, digest))
		return true;
	log_info("%s stays: %s", name, there ? "the registry has another digest" : "the registry does not have it");
	return false;
}

static int collect(struct store *s, struct error *err)
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
		if (o->published_only && (store_find(s, &ref, &d, err) < 0 || !published(name, d.digest))) {
			if (!d.digest)
				return -1;
			continue;
		}
		if (store_remove_name(s, name, err) < 0)
			return -1;
	}
	return collect(s, err);
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
		if (published(entries[i].name, entries[i].desc.digest) && strv_add(&names, entries[i].name) < 0)
			r = error_set(err, ENOMEM, "image cache");
	store_list_free(entries, count);
	return r < 0 ? -1 : store_remove_names(s, names, names ? strv_len(names) : 0, err);
}

static int run_clean(struct store *s, const struct options *o, struct error *err)
{
	if (o->count)
		return error_say(err, EINVAL, "clean takes no names: rm does");
	if ((o->published_only ? remove_published(s, err) : store_remove_all(s, err)) < 0)
		return -1;
	return collect(s, err);
}

/* --- the command line --- */

enum {
	OPT_PLATFORM = 1,
	OPT_OUTFILE,
	OPT_FORMAT,
	OPT_NAME,
	OPT_REMOTE_NAME,
	OPT_PUBLISHED_ONLY,
	OPT_ARCH_TAGS,
	OPT_OVERRIDE,
	OPT_FORCE,
};

/* 1: help is wanted. */
static int parse_options(int argc, char **argv, struct options *o, struct error *err)
{
	static const struct option table[] = {
		{ "platform", required_argument, NULL, OPT_PLATFORM },
		{ "outfile", required_argument, NULL, OPT_OUTFILE },
		{ "format", required_argument, NULL, OPT_FORMAT },
		{ "name", required_argument, NULL, OPT_NAME },
		{ "remote-name", required_argument, NULL, OPT_REMOTE_NAME },
		{ "published-only", optional_argument, NULL, OPT_PUBLISHED_ONLY },
		{ "with-arch-tags", optional_argument, NULL, OPT_ARCH_TAGS },
		{ "override", optional_argument, NULL, OPT_OVERRIDE },
		{ "force", optional_argument, NULL, OPT_FORCE },
		GLOBAL_OPTIONS,
		{ 0 },
	};
	const char **strings[] = { [OPT_PLATFORM] = &o->platform,
				   [OPT_OUTFILE] = &o->outfile,
				   [OPT_FORMAT] = &o->format,
				   [OPT_NAME] = &o->name,
				   [OPT_REMOTE_NAME] = &o->remote_name };
	bool *switches[] = { [OPT_PUBLISHED_ONLY] = &o->published_only,
			     [OPT_ARCH_TAGS] = &o->arch_tags,
			     [OPT_OVERRIDE] = &o->override,
			     [OPT_FORCE] = &o->force };
	int c;

	optind = 0;
	while ((c = option_next(argc, argv, table, false, "pith cache --help", err)) != OPTION_END) {
		if (c == OPTION_BAD)
			return -1;
		if (c == GLOBAL_HELP)
			return 1;
		if (c < OPT_PUBLISHED_ONLY)
			*strings[c] = optarg;
		else if (option_switch(table[c - 1].name, optarg, switches[c], err) < 0)
			return -1;
	}
	o->args = argv + optind;
	o->count = (size_t)(argc - optind);
	return 0;
}

static const struct command {
	const char *name;
	int (*run)(struct store *s, const struct options *o, struct error *err);
	bool needs_arguments;
} commands[] = {
	{ "ls", run_ls, false },       { "import", run_import, true }, { "export", run_export, true },
	{ "pull", run_pull, true },    { "push", run_push, true },     { "rm", run_rm, true },
	{ "clean", run_clean, false },
};

static int run(const struct command *command, const struct options *o, struct error *err)
{
	_cleanup_store_ struct store *s = store_open(NULL, err);

	return s ? command->run(s, o, err) : -1;
}

static const char *nearest(const char *wrong)
{
	const char *names[array_len(commands) + 1] = { 0 };

	for (size_t i = 0; i < array_len(commands); i++)
		names[i] = commands[i].name;
	return option_suggest(wrong, names);
}

int cmd_cache(int argc, char **argv)
{
	const char *near;
	_cleanup_error_ struct error err = { 0 };
	struct options o = { 0 };
	int r = parse_options(argc, argv, &o, &err);

	if (r > 0) {
		fputs(usage_text, stdout);
		return 0;
	}
	if (r < 0 || !o.count) {
		if (r < 0)
			log_error("%s", error_text(&err));
		else
			fputs(usage_text, stderr);
		return 2;
	}
	for (size_t i = 0; i < array_len(commands); i++) {
		if (!str_eq(o.args[0], commands[i].name))
			continue;
		o.args++;
		o.count--;
		if (commands[i].needs_arguments && !o.count) {
			log_error("%s what? `pith cache --help` tells", commands[i].name);
			return 2;
		}
		if (run(&commands[i], &o, &err) == 0)
			return 0;
		log_error("%s", error_text(&err));
		return 1;
	}
	near = nearest(o.args[0]);
	if (near)
		log_error("unknown command \"%s\": did you mean \"%s\"?", o.args[0], near);
	else
		log_error("unknown command \"%s\": `pith cache --help` lists them", o.args[0]);
	return 2;
}
