/* The options of `pith build`, as a table. */
#include "options.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "str.h"

const char *const format_names[FORMATS + 1] = {
	[FORMAT_TAR] = "tar",
	[FORMAT_DOCKER] = "docker",
	[FORMAT_KERNEL_INITRD] = "kernel+initrd",
	[FORMAT_KERNEL_INITRD_NOGZ] = "kernel+initrd-nogz",
	[FORMAT_KERNEL_SQUASHFS] = "kernel+squashfs",
	[FORMAT_KERNEL_EROFS] = "kernel+erofs",
	[FORMAT_KERNEL_ISO] = "kernel+iso",
	[FORMAT_TAR_KERNEL_INITRD] = "tar-kernel-initrd",
	[FORMAT_RAW_BIOS] = "raw-bios",
	[FORMAT_RAW_EFI] = "raw-efi",
	[FORMAT_ISO_BIOS] = "iso-bios",
	[FORMAT_ISO_EFI] = "iso-efi",
	[FORMAT_ISO_EFI_INITRD] = "iso-efi-initrd",
	[FORMAT_QCOW2_BIOS] = "qcow2-bios",
	[FORMAT_QCOW2_EFI] = "qcow2-efi",
	[FORMAT_VHD] = "vhd",
	[FORMAT_DYNAMIC_VHD] = "dynamic-vhd",
	[FORMAT_VMDK] = "vmdk",
	[FORMAT_GCP] = "gcp",
	[FORMAT_AWS] = "aws",
	[FORMAT_RPI3] = "rpi3",
	[FORMAT_UPDATE] = "update",
};

static const char *const format_suffixes[FORMATS] = {
	[FORMAT_TAR] = ".tar",
	[FORMAT_DOCKER] = ".docker",
	[FORMAT_KERNEL_INITRD] = "-initrd.img",
	[FORMAT_KERNEL_INITRD_NOGZ] = "-initrd.img",
	[FORMAT_KERNEL_SQUASHFS] = "-squashfs.img",
	[FORMAT_KERNEL_EROFS] = "-erofs.img",
	[FORMAT_KERNEL_ISO] = ".iso",
	[FORMAT_TAR_KERNEL_INITRD] = "-initrd.tar",
	[FORMAT_RAW_BIOS] = "-bios.img",
	[FORMAT_RAW_EFI] = "-efi.img",
	[FORMAT_ISO_BIOS] = ".iso",
	[FORMAT_ISO_EFI] = "-efi.iso",
	[FORMAT_ISO_EFI_INITRD] = "-efi-initrd.iso",
	[FORMAT_QCOW2_BIOS] = ".qcow2",
	[FORMAT_QCOW2_EFI] = "-efi.qcow2",
	[FORMAT_VHD] = ".vhd",
	[FORMAT_DYNAMIC_VHD] = ".vhd",
	[FORMAT_VMDK] = ".vmdk",
	[FORMAT_GCP] = ".img.tar.gz",
	[FORMAT_AWS] = ".raw",
	[FORMAT_RPI3] = ".tar",
	[FORMAT_UPDATE] = ".update",
};

const char *format_suffix(enum build_format format)
{
	return format_suffixes[format];
}

static int format_add(struct build_options *o, const char *name, struct error *err)
{
	_cleanup_free_ char *all = strv_join((char *const *)format_names, ", ");
	size_t i;

	for (i = 0; i < FORMATS; i++) {
		if (str_eq(format_names[i], name)) {
			o->formats[i] = true;
			return 0;
		}
	}
	return error_say(err, ENOTSUP, "unknown format \"%s\": use one of %s", name, all ? all : "");
}

static int set_formats(void *data, const struct option *option, const char *list, struct error *err)
{
	_cleanup_strv_ char **names = strv_split(list, ",");
	char **n;

	(void)option;
	if (!names || !*names)
		return error_set(err, 0, "--format is empty");
	for (n = names; *n; n++)
		if (format_add(data, *n, err) < 0)
			return -1;
	return 0;
}

static int set_compress(void *data, const struct option *option, const char *value, struct error *err)
{
	struct build_options *o = data;

	(void)option;
	o->zip_given = true;
	return zip_parse(value, &o->zip, &o->zip_level, err);
}

static int set_arch(void *data, const struct option *option, const char *value, struct error *err)
{
	struct build_options *o = data;

	if (strchr(value, '/') || !*value)
		return error_set(err, 0, "--%s %s: write amd64 or arm64", option->name, value);
	return platform_parse(platform_goarch(value), &o->platform, err);
}

/* What a VHD can have. */
#define DISK_SIZE_MAX ((uint64_t)2040 << 30)

static int set_size(void *data, const struct option *option, const char *value, struct error *err)
{
	struct build_options *o = data;

	if (str_to_size(value, 1 << 20, &o->size) < 0 || o->size == 0 || o->size > DISK_SIZE_MAX)
		return error_set(err, 0, "--%s %s: not a size such as 1024M or 1G", option->name, value);
	return 0;
}

static const char *const initrds[] = { "auto", "plain", "erofs", "squashfs", NULL };
static const char *const zips[] = { "zstd", "gzip", "none", NULL };
static const char *const arches[] = { "amd64", "arm64", NULL };
static const char *const forms[] = { "text", "json", NULL };

static const char *const checks[] = { "boot", "read", NULL };

static int set_verity_check(void *data, const struct option *option, const char *value, struct error *err)
{
	struct build_options *o = data;

	o->verity_check_given = true;
	return option_set_choice(data, option, value, err);
}

#define FIELD(name) offsetof(struct build_options, name)

const struct option build_table[] = {
	{ "format", 'f', .argument = "FORMATS", .set = set_formats, .choices = format_names,
	  .help = "kernel+initrd (default), kernel+initrd-nogz, kernel+squashfs, kernel+erofs, kernel+iso, "
		  "tar-kernel-initrd; disks raw-bios, raw-efi, qcow2-bios, qcow2-efi, vhd, dynamic-vhd, vmdk, gcp, "
		  "aws; CDs iso-bios, iso-efi, iso-efi-initrd; rpi3; update; several with commas; or one of tar and "
		  "docker" },
	{ "name", .argument = "NAME", .set = option_set_text, .field = FIELD(name),
	  .help = "prefix of the output files (the last file's name without .yml)" },
	{ "dir", .argument = "DIR", .set = option_set_text, .field = FIELD(dir),
	  .help = "directory of the output files (the working directory)" },
	{ "output", 'o', .argument = "FILE", .set = option_set_text, .field = FIELD(output),
	  .help = "the output itself, - for standard output; only for tar and docker" },
	{ "initrd", .argument = "KIND", .set = option_set_choice, .field = FIELD(initrd), .choices = initrds,
	  .help = "what an initrd holds: auto, plain (the whole tree), erofs or squashfs (an image that /init mounts); "
		  "auto takes an image where kernel and init support it" },
	{ "compress", .argument = "METHOD", .set = set_compress, .choices = zips,
	  .help = "of plain initrds: zstd, gzip or none, and how much (zstd:19, gzip:9); zstd where the kernel is "
		  "known to read it" },
	{ "arch", .argument = "ARCH", .set = set_arch, .choices = arches,
	  .help = "amd64 or arm64, which image of an index is taken (this machine's)" },
	{ "pull", .set = option_set_switch, .field = FIELD(pull), .help = "fetch all images, also those of the cache" },
	{ "docker", .set = option_set_switch, .field = FIELD(docker), .help = "look for images in Docker first" },
	{ "allow-source", .argument = "PATH", .set = option_set_list, .field = FIELD(allow_sources),
	  .help = "packages named by @pkg:, and YAML from a web server, may take files below PATH; again for more" },
	{ "decompress-kernel", .set = option_set_switch, .field = FIELD(decompress_kernel),
	  .help = "store the kernel decompressed" },
	{ "dry-run", .set = option_set_switch, .field = FIELD(dry_run), .help = "only print the merged configuration" },
	{ "format-errors", .argument = "FORM", .set = option_set_choice, .field = FIELD(errors), .choices = forms,
	  .help = "text or json" },
	{ "strict", .set = option_set_switch, .field = FIELD(strict),
	  .help = "warnings and notes are errors: also what an image's label gives and the YAML does not state" },
	{ "schema", .set = option_set_switch, .field = FIELD(schema), .help = "print the JSON schema of the YAML" },
	{ "no-sbom", .set = option_set_switch, .field = FIELD(no_sbom), .help = "make no bill of materials (SBOM)" },
	{ "ab", .set = option_set_switch, .field = FIELD(ab),
	  .help = "raw-efi and qcow2-efi have two systems, and --size says how large the disk is; `pith update` "
		  "replaces "
		  "the one that does not run by what --format update makes" },
	{ "size", .argument = "SIZE", .set = set_size,
	  .help = "of the disk in qcow2-bios, qcow2-efi, vhd, vmdk, gcp, aws (1024M) and dynamic-vhd (25G); a plain "
		  "number counts MiB" },
	{ "rpi3-firmware", .argument = "DIR", .set = option_set_text, .field = FIELD(rpi3_firmware),
	  .help = "for rpi3: a folder with the board's firmware and u-boot.bin (those of Debian's packages "
		  "raspi-firmware and u-boot-rpi)" },
	{ "sbom-output", .argument = "FILE", .set = option_set_text, .field = FIELD(sbom_output),
	  .help = "where the root has its SBOM (sbom.spdx.json), and of a copy beside the outputs; with a / in front "
		  "only a "
		  "copy's, on this machine; *.cdx.json is CycloneDX, all else SPDX" },
	{ "sbom-current-time", .set = option_set_switch, .field = FIELD(sbom_current_time),
	  .help = "the SBOM says when it was made: two builds are not the same then" },
	{ "check-reproducible", .set = option_set_switch, .field = FIELD(check_reproducible),
	  .help = "build twice, in other surroundings, and fail when one byte differs" },
	{ "input-tar", .argument = "FILE", .set = option_set_text, .field = FIELD(input_tar),
	  .help = "an archive that a build before has written (--format tar): files of images that are in the same "
		  "place "
		  "come from there" },
	{ "verity", .set = option_set_switch, .field = FIELD(verity),
	  .help = "the root has a hash tree, whose digest is on the command line: what is not as it was built does not "
		  "run" },
	{ "verity-check", .argument = "WHEN", .set = set_verity_check, .field = FIELD(verity_check), .choices = checks,
	  .help = "with --verity: boot (all of the root before anything runs, and each block when it is read) or read "
		  "(only "
		  "that)" },
	{ "sign", .argument = "KEY", .set = option_set_text, .field = FIELD(sign),
	  .help = "for Secure Boot: sign what UEFI firmware starts with this key, and its certificate of --cert (both "
		  "PEM)" },
	{ "cert", .argument = "CERT", .set = option_set_text, .field = FIELD(cert),
	  .help = "the certificate of --sign's key, which the machine's firmware has to know" },
	{ 0 },
};

/* Some formats' outputs have one name, as LinuxKit's do. */
static int formats_differ(const struct build_options *o, struct error *err)
{
	for (size_t i = 0; i < FORMATS; i++)
		for (size_t j = i + 1; j < FORMATS; j++)
			if (o->formats[i] && o->formats[j] && str_eq(format_suffixes[i], format_suffixes[j]))
				return error_set(err, 0,
						 "the formats %s and %s both write NAME%s: build them one after the "
						 "other, with another --name",
						 format_names[i], format_names[j], format_suffixes[i]);
	return 0;
}

/* What cannot be built twice, or not the same. */
static int again_refuse(const struct build_options *o, struct error *err)
{
	for (size_t i = 0; o->inputs[i]; i++)
		if (str_eq(o->inputs[i], "-"))
			return error_set(err, 0,
					 "--check-reproducible reads the YAML twice: name a file, not standard input");
	if (o->output && str_eq(o->output, "-"))
		return error_set(err, 0, "--check-reproducible compares files: name one by --o, not standard output");
	if (o->sbom_current_time)
		return error_set(err, 0, "--check-reproducible: with --sbom-current-time no two builds are the same");
	return 0;
}

/* tar and docker are streams: one of them, alone, and only they can go to one file. */
static int formats_check(struct build_options *o, struct error *err)
{
	bool stream = o->formats[FORMAT_TAR] || o->formats[FORMAT_DOCKER];
	size_t i, n = 0;

	for (i = 0; i < FORMATS; i++)
		n += o->formats[i];
	if (n == 0) {
		o->formats[o->output ? FORMAT_TAR : FORMAT_KERNEL_INITRD] = true;
		stream = o->output != NULL;
	}
	if (o->ab && !o->formats[FORMAT_RAW_EFI] && !o->formats[FORMAT_QCOW2_EFI])
		return error_set(err, 0, "--ab goes with the formats raw-efi and qcow2-efi");
	if (stream && n > 1)
		return error_set(err, 0, "the formats tar and docker go with no other one");
	if (formats_differ(o, err) < 0)
		return -1;
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

/* What cannot be verified or signed as it is asked for. */
static int proofs_check(const struct build_options *o, struct error *err)
{
	static const enum build_format efi[] = { FORMAT_RAW_EFI, FORMAT_QCOW2_EFI, FORMAT_ISO_EFI,
						 FORMAT_ISO_EFI_INITRD };
	bool signable = false;

	if (o->verity_check_given && !o->verity)
		return error_set(err, 0, "--verity-check goes with --verity");
	if (o->verity && o->initrd == INITRD_PLAIN)
		return error_set(err, 0, "--verity is for a root that is an image: not with --initrd plain");
	if ((o->ab || o->formats[FORMAT_UPDATE]) && (o->verity || o->sign))
		return error_set(err, 0,
				 "a disk with two systems and its updates are neither verified nor signed: leave out "
				 "--verity and --sign");
	if (!o->sign != !o->cert)
		return error_set(err, 0, "--sign KEY and --cert CERT go together: the key, and its certificate");
	for (size_t i = 0; i < sizeof(efi) / sizeof(*efi); i++)
		signable = signable || o->formats[efi[i]];
	if (o->sign && !signable)
		return error_set(
			err, 0,
			"--sign is for what UEFI firmware starts: raw-efi, qcow2-efi, iso-efi or iso-efi-initrd");
	return 0;
}

int build_options_parse(const struct command *c, char **argv, struct build_options *out, struct error *err)
{
	int r;

	*out = (struct build_options){ .platform = platform_host(), .zip = ZIP_GZIP };
	r = command_parse(c, argv, out, err);
	out->inputs = argv + 1;
	if (r || out->schema)
		return r;
	if (!*out->inputs)
		return error_set(err, 0, "no YAML file is named: pith build [OPTION...] FILE.yml...");
	if (out->input_tar && out->pull)
		return error_set(err, 0, "--input-tar takes files of images as they were: it does not go with --pull");
	if (out->input_tar && out->output && str_eq(out->input_tar, out->output))
		return error_set(err, 0, "--input-tar and --o are one file: give the output another name");
	if (out->check_reproducible && again_refuse(out, err) < 0)
		return -1;
	return formats_check(out, err) < 0 ? -1 : proofs_check(out, err);
}

void build_options_clear(struct build_options *o)
{
	strv_free(o->allow_sources);
	o->allow_sources = NULL;
}
