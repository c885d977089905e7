#include "options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "globals.h"
#include "str.h"

const char *const format_names[FORMATS] = {
	[FORMAT_TAR] = "tar",
	[FORMAT_DOCKER] = "docker",
	[FORMAT_KERNEL_INITRD] = "kernel+initrd",
	[FORMAT_KERNEL_SQUASHFS] = "kernel+squashfs",
	[FORMAT_KERNEL_EROFS] = "kernel+erofs",
	[FORMAT_KERNEL_ISO] = "kernel+iso",
	[FORMAT_TAR_KERNEL_INITRD] = "tar-kernel-initrd",
};

const char build_help[] =
	"usage: pith build [OPTION...] FILE.yml...\n"
	"\n"
	"Builds an image from one or more YAML files; - is standard input, http:// and https:// are fetched with "
	"curl.\n"
	"Later files add to the lists of earlier ones and override their kernel section.\n"
	"\n"
	"  --format FORMATS       kernel+initrd (default), kernel+squashfs, kernel+erofs, kernel+iso, "
	"tar-kernel-initrd;\n"
	"                         several with commas; or one of tar and docker\n"
	"  --name NAME            prefix of the output files (the last file's name without .yml)\n"
	"  --dir DIR              directory of the output files (the working directory)\n"
	"  --o FILE               the output itself, - for standard output; only for tar and docker\n"
	"  --initrd KIND          what an initrd holds: auto, plain (the whole tree), erofs or squashfs (an image "
	"that\n"
	"                         /init mounts); auto takes an image where kernel and init support it\n"
	"  --compress METHOD      of plain initrds: zstd, gzip or none (zstd where the kernel is known to read it)\n"
	"  --arch ARCH            amd64 or arm64, which image of an index is taken (this machine's)\n"
	"  --pull                 fetch all images, also those of the cache\n"
	"  --docker               look for images in Docker first\n"
	"  --cache DIR            image cache\n"
	"  --allow-source PATH    packages named by @pkg:, and YAML from a web server, may take files below PATH; "
	"again "
	"for\n"
	"                         more\n"
	"  --decompress-kernel    store the kernel decompressed\n"
	"  --dry-run              only print the merged configuration\n"
	"  --format-errors FORM   text or json\n"
	"  --strict               warnings and notes are errors: also what an image's label gives and the YAML does "
	"not "
	"state\n"
	"  --verbose [0-3], --quiet\n"
	"                         more or less messages, as before the command\n"
	"  --schema               print the JSON schema of the YAML\n"
	"  --no-sbom              there is none anyway\n"
	"  --size SIZE, --sbom-output FILE, --sbom-current-time\n"
	"                         taken for LinuxKit's sake, with a warning: no format made here has a fixed size\n";

enum option_id {
	OPT_FORMAT = 256,
	OPT_NAME,
	OPT_DIR,
	OPT_OUTPUT,
	OPT_INITRD,
	OPT_COMPRESS,
	OPT_ARCH,
	OPT_PULL,
	OPT_DOCKER,
	OPT_ALLOW_SOURCE,
	OPT_DECOMPRESS_KERNEL,
	OPT_DRY_RUN,
	OPT_FORMAT_ERRORS,
	OPT_STRICT,
	OPT_SCHEMA,
	OPT_SIZE,
	OPT_NO_SBOM,
	OPT_SBOM,
	OPT_INPUT_TAR,
};

static const struct option long_options[] = {
	{ "format", required_argument, NULL, OPT_FORMAT },
	{ "f", required_argument, NULL, OPT_FORMAT },
	{ "name", required_argument, NULL, OPT_NAME },
	{ "dir", required_argument, NULL, OPT_DIR },
	{ "o", required_argument, NULL, OPT_OUTPUT },
	{ "output", required_argument, NULL, OPT_OUTPUT },
	{ "initrd", required_argument, NULL, OPT_INITRD },
	{ "compress", required_argument, NULL, OPT_COMPRESS },
	{ "arch", required_argument, NULL, OPT_ARCH },
	{ "pull", optional_argument, NULL, OPT_PULL },
	{ "docker", optional_argument, NULL, OPT_DOCKER },
	{ "allow-source", required_argument, NULL, OPT_ALLOW_SOURCE },
	{ "decompress-kernel", optional_argument, NULL, OPT_DECOMPRESS_KERNEL },
	{ "dry-run", optional_argument, NULL, OPT_DRY_RUN },
	{ "format-errors", required_argument, NULL, OPT_FORMAT_ERRORS },
	{ "strict", optional_argument, NULL, OPT_STRICT },
	{ "schema", no_argument, NULL, OPT_SCHEMA },
	{ "size", required_argument, NULL, OPT_SIZE },
	{ "no-sbom", optional_argument, NULL, OPT_NO_SBOM },
	{ "sbom-current-time", optional_argument, NULL, OPT_SBOM },
	{ "sbom-output", required_argument, NULL, OPT_SBOM },
	{ "input-tar", required_argument, NULL, OPT_INPUT_TAR },
	GLOBAL_OPTIONS,
	{ 0 },
};

/* LinuxKit's other formats: known, so that the message can say that it is not a slip. */
static const char *const foreign_formats[] = {
	"aws",       "dynamic-vhd", "gcp",     "iso-bios", "iso-efi", "iso-efi-initrd", "qcow2-bios",
	"qcow2-efi", "raw-bios",    "raw-efi", "rpi3",     "vhd",     "vmdk",           NULL,
};

static int add_format(struct build_options *o, const char *name, struct error *err)
{
	_cleanup_free_ char *all =
		strv_join((char *const[]){ (char *)"kernel+initrd", (char *)"kernel+squashfs", (char *)"kernel+erofs",
					   (char *)"kernel+iso", (char *)"tar-kernel-initrd", (char *)"tar",
					   (char *)"docker", NULL },
			  ", ");
	size_t i;

	for (i = 0; i < FORMATS; i++) {
		if (str_eq(format_names[i], name)) {
			o->formats[i] = true;
			return 0;
		}
	}
	for (i = 0; foreign_formats[i]; i++)
		if (str_eq(foreign_formats[i], name))
			return error_say(err, ENOTSUP, "the format %s is not made here: use one of %s", name,
					 all ? all : "");
	return error_say(err, ENOTSUP, "unknown format \"%s\": use one of %s", name, all ? all : "");
}

static int add_formats(struct build_options *o, const char *list, struct error *err)
{
	_cleanup_strv_ char **names = strv_split(list, ",");
	char **n;

	if (!names || !*names)
		return error_set(err, 0, "--format is empty");
	for (n = names; *n; n++)
		if (add_format(o, *n, err) < 0)
			return -1;
	return 0;
}

static int choose(const char *option, const char *value, const char *const *words, int *out, struct error *err)
{
	_cleanup_free_ char *all = strv_join((char *const *)words, ", ");
	int i;

	for (i = 0; words[i]; i++) {
		if (str_eq(words[i], value)) {
			*out = i;
			return 0;
		}
	}
	return error_set(err, 0, "--%s %s: it is one of %s", option, value, all ? all : "");
}

/* Go's way of switches: --pull, --pull=false. */
static int set_switch(const char *option, const char *value, bool *out, struct error *err)
{
	return option_switch(option, value, out, err);
}

static int set_arch(struct build_options *o, const char *value, struct error *err)
{
	if (strchr(value, '/') || !*value)
		return error_set(err, 0, "--arch %s: write amd64 or arm64", value);
	return platform_parse(platform_goarch(value), &o->platform, err);
}

static int check_size(struct build_options *o, const char *value, struct error *err)
{
	uint64_t size;

	if (str_to_size(value, 1 << 20, &size) < 0)
		return error_set(err, 0, "--size %s: not a size such as 1024M or 1G", value);
	o->size_given = true;
	return 0;
}

static int set_more(struct build_options *o, int option, const char *value, struct error *err)
{
	static const char *const initrds[] = { "auto", "plain", "erofs", "squashfs", NULL };
	static const char *const forms[] = { "text", "json", NULL };
	bool ignored;
	int i;

	switch (option) {
	case OPT_INITRD:
		if (choose("initrd", value, initrds, &i, err) < 0)
			return -1;
		o->initrd = (enum initrd_kind)i;
		return 0;
	case OPT_COMPRESS:
		o->zip_given = true;
		return zip_parse(value, &o->zip, err);
	case OPT_ARCH:
		return set_arch(o, value, err);
	case OPT_FORMAT_ERRORS:
		if (choose("format-errors", value, forms, &i, err) < 0)
			return -1;
		o->json_errors = i == 1;
		return 0;
	case OPT_SIZE:
		return check_size(o, value, err);
	case OPT_NO_SBOM:
		return set_switch("no-sbom", value, &ignored, err);
	case OPT_SBOM:
		o->sbom_given = true;
		return 0;
	case OPT_INPUT_TAR:
		return error_say(err, ENOTSUP,
				 "--input-tar is not supported: leave it out, all images come from the cache");
	case OPT_STRICT:
		return set_switch("strict", value, &o->strict, err);
	case OPT_SCHEMA:
		o->schema = true;
		return 0;
	default:
		return error_set(err, 0, "`pith build --help` lists the options");
	}
}

static int set(struct build_options *o, int option, const char *value, struct error *err)
{
	switch (option) {
	case OPT_FORMAT:
		return add_formats(o, value, err);
	case OPT_NAME:
		o->name = value;
		return 0;
	case OPT_DIR:
		o->dir = value;
		return 0;
	case OPT_OUTPUT:
		o->output = value;
		return 0;
	case OPT_ALLOW_SOURCE:
		return strv_add(&o->allow_sources, value) < 0 ? error_set(err, ENOMEM, "--allow-source") : 0;
	case OPT_PULL:
		return set_switch("pull", value, &o->pull, err);
	case OPT_DOCKER:
		return set_switch("docker", value, &o->docker, err);
	case OPT_DECOMPRESS_KERNEL:
		return set_switch("decompress-kernel", value, &o->decompress_kernel, err);
	case OPT_DRY_RUN:
		return set_switch("dry-run", value, &o->dry_run, err);
	default:
		return set_more(o, option, value, err);
	}
}

/* tar and docker are streams: one of them, alone, and only they can go to one file. */
static int check_formats(struct build_options *o, struct error *err)
{
	bool stream = o->formats[FORMAT_TAR] || o->formats[FORMAT_DOCKER];
	size_t i, n = 0;

	for (i = 0; i < FORMATS; i++)
		n += o->formats[i];
	if (n == 0) {
		o->formats[o->output ? FORMAT_TAR : FORMAT_KERNEL_INITRD] = true;
		stream = o->output != NULL;
	}
	if (stream && n > 1)
		return error_set(err, 0, "the formats tar and docker go with no other one");
	if (!o->output)
		return 0;
	if (!stream)
		return error_set(err, 0,
				 "--o goes with the formats tar and docker; the others make several files: use "
				 "--name and --dir");
	if (o->name || o->dir)
		return error_set(err, 0, "--o says where the output goes: leave out --name and --dir");
	return 0;
}

int build_options_parse(int argc, char **argv, struct build_options *out, struct error *err)
{
	int option;

	*out = (struct build_options){ .platform = platform_host(), .zip = ZIP_GZIP };
	optind = 0;
	while ((option = option_next(argc, argv, long_options, false, "pith build --help", err)) != OPTION_END) {
		if (option == OPTION_BAD)
			return -1;
		if (option == GLOBAL_HELP)
			out->help = true;
		else if (set(out, option, optarg, err) < 0)
			return -1;
	}
	out->inputs = argv + optind;
	if (out->help || out->schema)
		return 0;
	if (!*out->inputs)
		return error_set(err, 0, "no YAML file is named: pith build [OPTION...] FILE.yml...");
	return check_formats(out, err);
}

void build_options_clear(struct build_options *o)
{
	strv_free(o->allow_sources);
	o->allow_sources = NULL;
}
