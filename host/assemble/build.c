/* pith build: reads YAML, says all that is wrong with it, assembles the tree and writes the output. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "again.h"
#include "assemble_private.h"
#include "bill.h"
#include "check.h"
#include "command.h"
#include "doubts.h"
#include "dump.h"
#include "formats.h"
#include "input.h"
#include "jsonschema.h"
#include "load.h"
#include "log.h"
#include "options.h"
#include "package.h"
#include "spec.h"
#include "str.h"

static int build_fail(const struct error *err)
{
	log_error("%s", error_text(err));
	return 1;
}

/* The last file's name without directory and what follows its last dot; standard input has LinuxKit's name. */
static char *default_name(const struct build_options *o)
{
	const char *last = o->inputs[0], *slash, *dot;
	size_t i;

	for (i = 1; o->inputs[i]; i++)
		last = o->inputs[i];
	if (str_eq(last, "-"))
		return strdup("moby");
	slash = strrchr(last, '/');
	last = slash ? slash + 1 : last;
	dot = strrchr(last, '.');
	return dot && dot > last ? strndup(last, (size_t)(dot - last)) : strdup(last);
}

/* "@pkg:DIRECTORY" is the image that `pith pkg build DIRECTORY` makes. */
static char *resolve_package(const char *directory, void *data, struct error *err)
{
	_cleanup_package_ struct package p = PACKAGE_INIT;
	const struct build_options *o = data;
	const struct package_options options = { .allow_sources = o->allow_sources };

	if (!package_load(&p, directory, &options, &o->platform, err)) {
		if (p.recipe.diags.errors)
			error_set(err, 0, "its build.yml is wrong: `pith pkg show-tag %s` says how", directory);
		return NULL;
	}
	return package_name(&p);
}

static int read_inputs(struct build_options *o, struct config *c, struct error *err)
{
	const struct package_resolver packages = { resolve_package, o };
	size_t i;

	for (i = 0; o->inputs[i]; i++) {
		const char *name = o->inputs[i];
		_cleanup_free_ char *dir = input_dir(name);
		_cleanup_buf_ struct buf text = { 0 };
		size_t len;

		if (input_read(name, &text, err) < 0 || buf_add(&text, "", 0) < 0)
			return -1;
		len = text.len;
		config_add(c, str_eq(name, "-") ? "<stdin>" : name, len ? buf_steal_text(&text) : strdup(""), len, dir,
			   input_is_url(name) ? NULL : &packages);
	}
	return 0;
}

/* Whatever can be said without any image. */
static void check_containers(struct config *c)
{
	size_t s, i;

	for (s = 0; s < SECTIONS; s++) {
		for (i = 0; i < c->sections[s].count; i++) {
			struct spec_input in = { .config = c,
						 .entry = &c->sections[s].list[i],
						 .section = (enum section)s };
			struct spec spec;

			spec_config(&in, &spec, NULL);
		}
	}
}

/* Prints what was found; the exit status. */
static int build_report(struct config *c, const struct build_options *o)
{
	if (o->errors == ERRORS_JSON)
		diags_print_json(&c->diags, stderr);
	else
		diags_print(&c->diags, stderr, isatty(STDERR_FILENO) && !getenv("NO_COLOR"));
	return c->diags.errors ? 1 : 0;
}

static int dry_run(const struct config *c)
{
	size_t len;
	_cleanup_free_ char *text = config_yaml(c, false, &len);

	if (!text || fwrite(text, 1, len, stdout) != len || fflush(stdout) != 0) {
		log_error("cannot write the configuration: %s", text ? strerror(errno) : "no memory");
		return 1;
	}
	return 0;
}

static int build_make(struct config *c, const struct build_options *o, struct error *err)
{
	_cleanup_store_ struct store *store = store_open(NULL, err);
	struct assembly_options how = { .store = store,
					.platform = o->platform,
					.pull = o->pull,
					.docker = o->docker,
					.decompress_kernel = o->decompress_kernel,
					.dockerfile = o->formats[FORMAT_DOCKER],
					.sbom = o->no_sbom ? NULL : bill_path(o),
					.input_tar = o->input_tar,
					.sbom_time = o->sbom_current_time ? time(NULL) : ASSEMBLY_TIME };
	_cleanup_assembly_ struct assembly a = { .config = c, .options = &how };
	_cleanup_free_ char *name = default_name(o);

	if (!store || !name)
		return -1;
	if (!assembly_images(&a))
		return 0;
	if (!assembly_tree(&a, err))
		return c->diags.errors ? 0 : -1;
	return formats_write(&a, o, name, err);
}

static int build_run(struct build_options *o)
{
	_cleanup_config_free_ struct config c = { 0 };
	_cleanup_error_ struct error err = { 0 };
	int r;

	c.diags.strict = o->strict;
	c.diags.quiet = !log_shows(LOG_LEVEL_INFO) && o->errors == ERRORS_TEXT;
	if (read_inputs(o, &c, &err) < 0)
		return build_fail(&err);
	if (!c.unreadable) {
		config_check(&c);
		check_containers(&c);
		files_check(&c, !o->dry_run, o->allow_sources);
		doubts_config(&c);
	}
	if (c.diags.errors)
		return build_report(&c, o);
	if (o->dry_run) {
		build_report(&c, o);
		return dry_run(&c);
	}
	r = build_make(&c, o, &err);
	if (build_report(&c, o) != 0)
		return 1;
	return r < 0 ? build_fail(&err) : 0;
}

static int build_twice(struct build_options *o)
{
	_cleanup_error_ struct error err = { 0 };
	int status = build_run(o);

	if (status || !o->check_reproducible || o->dry_run)
		return status;
	return again_check(o, build_run, &err) < 0 ? build_fail(&err) : 0;
}

static int print_schema(void)
{
	_cleanup_free_ char *text = schema_json();

	if (!text || fputs(text, stdout) < 0 || fflush(stdout) != 0) {
		log_error("cannot write the schema");
		return 1;
	}
	return 0;
}

static int build_main(const struct command *c, char **argv)
{
	_cleanup_error_ struct error err = { 0 };
	_cleanup_build_options_ struct build_options o = { 0 };
	int r = build_options_parse(c, argv, &o, &err);

	if (r < 0)
		return command_refuse(&err);
	if (r == OPTION_HELP) {
		command_help(c, stdout);
		return 0;
	}
	if (o.errors == ERRORS_JSON) /* nothing but JSON, unless that cannot be written */
		log_setup("pith", LOG_LEVEL_ERROR, false);
	return o.schema ? print_schema() : build_twice(&o);
}

static const char *const build_usage[] = { "[OPTION...] FILE.yml...", NULL };

const struct command build_command = {
	.name = "build",
	.summary = "build a machine image from YAML files",
	.usage = build_usage,
	.text = "Builds an image from one or more YAML files; - is standard input, http:// and https:// are fetched "
		"with "
		"curl. Later files add to the lists of earlier ones and override their kernel section.",
	.options = build_table,
	.run = build_main,
};
