/* The command line of `pith build`: LinuxKit's options, and ours. Long options have one or two dashes. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "command.h"
#include "error.h"
#include "image_json.h"
#include "zip.h"

enum build_format {
	FORMAT_TAR,
	FORMAT_DOCKER,
	FORMAT_KERNEL_INITRD,
	FORMAT_KERNEL_SQUASHFS,
	FORMAT_KERNEL_EROFS,
	FORMAT_KERNEL_ISO,
	FORMAT_TAR_KERNEL_INITRD,
	FORMAT_KERNEL_INITRD_NOGZ,
	FORMAT_RAW_BIOS,
	FORMAT_RAW_EFI,
	FORMAT_ISO_BIOS,
	FORMAT_ISO_EFI,
	FORMAT_ISO_EFI_INITRD,
	FORMAT_QCOW2_BIOS,
	FORMAT_QCOW2_EFI,
	FORMAT_VHD,
	FORMAT_DYNAMIC_VHD,
	FORMAT_VMDK,
	FORMAT_GCP,
	FORMAT_AWS,
	FORMAT_RPI3,
	FORMAT_UPDATE,
	FORMATS,
};
extern const char *const format_names[FORMATS + 1]; /* NULL-terminated */
/* What stands behind the name of its output, or of the largest of its files. */
const char *format_suffix(enum build_format format);

enum initrd_kind {
	INITRD_AUTO,
	INITRD_PLAIN,
	INITRD_EROFS,
	INITRD_SQUASHFS,
};

enum verity_check {
	VERITY_CHECK_BOOT,
	VERITY_CHECK_READ,
};

enum error_form {
	ERRORS_TEXT,
	ERRORS_JSON,
};

struct build_options {
	const char *name, *dir, *output; /* point into argv; NULL: not given */
	struct platform platform;
	bool formats[FORMATS];
	enum initrd_kind initrd;
	enum zip zip;
	int zip_level; /* 0: not given */
	bool zip_given;
	bool pull, docker, decompress_kernel, dry_run;
	enum error_form errors;
	bool strict; /* warnings are errors */
	bool schema;
	uint64_t size; /* bytes of a disk that has a fixed size; 0: not given */
	bool ab;       /* disks for UEFI have two systems */
	bool no_sbom, sbom_current_time, check_reproducible;
	const char *sbom_output, *input_tar; /* NULL: not given */
	const char *rpi3_firmware;           /* folder of the host; NULL: not given */
	bool verity;
	enum verity_check verity_check;
	bool verity_check_given;
	const char *sign, *cert; /* PEM files; NULL: not given */
	char **allow_sources;    /* paths that packages may take files from */
	char *const *inputs;     /* NULL-terminated */
};

/* Its table, for help. */
extern const struct option build_table[];

/* Fills *out: 0, OPTION_HELP, or -1 with an error that says which option is wrong and how to write it.
 * build_options_clear() frees, whatever it returned. */
int build_options_parse(const struct command *c, char **argv, struct build_options *out, struct error *err);
void build_options_clear(struct build_options *o);
#define _cleanup_build_options_ _cleanup_(build_options_clear)
