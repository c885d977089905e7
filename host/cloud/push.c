/* `pith push`: prints how an image gets to a cloud, or does it. pith speaks no cloud's language itself: each has a tool
 * of its own that does, with the logins that its user has already. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "command.h"
#include "log.h"
#include "script.h"
#include "str.h"

#define FIELD(name) offsetof(struct push_options, name)
#define TEXT(option, value, field_name, text)                                                               \
	{                                                                                                   \
		option, .argument = value, .set = option_set_text, .field = FIELD(field_name), .help = text \
	}
#define SWITCH(option, field_name, text)                                                   \
	{                                                                                  \
		option, .set = option_set_switch, .field = FIELD(field_name), .help = text \
	}
/* Those of LinuxKit that a tool has in its own configuration. */
#define IGNORED(option)                                                \
	{                                                              \
		option, .argument = "VALUE", .set = option_set_nothing \
	}

static const struct option push_table[] = {
	SWITCH("run", run, "run the commands, do not print them"),
	TEXT("img-name", "NAME", image_name, "what the image is called there (the file's name without its end)"),
	TEXT("bucket", "NAME", bucket,
	     "aws, gcp, scaleway: the bucket that the file goes to (AWS_BUCKET, CLOUDSDK_IMAGE_BUCKET)"),
	SWITCH("ena", ena, "aws: enhanced networking"),
	TEXT("sriov", "KIND", sriov, "aws: SR-IOV, simple"),
	SWITCH("uefi", uefi, "aws: the image boots by UEFI"),
	SWITCH("tpm", tpm, "aws: a TPM"),
	TEXT("resource-group", "NAME", resource_group, "azure: the group that the image belongs to"),
	TEXT("storage-account", "NAME", account, "azure: the account that the file goes to"),
	TEXT("keys", "FILE", keys, "gcp: key of a service account (CLOUDSDK_CORE_KEYS)"),
	TEXT("project", "NAME", project, "gcp: the project (CLOUDSDK_CORE_PROJECT)"),
	SWITCH("public", public, "gcp: everybody may read the file"),
	TEXT("family", "NAME", family, "gcp: the image's family (CLOUDSDK_IMAGE_FAMILY)"),
	SWITCH("nested-virt", nested, "gcp: virtual machines inside"),
	SWITCH("uefi-compatible", uefi, "gcp: the image boots by UEFI"),
	TEXT("zone", "ZONE", zone, "scaleway: fr-par-1 (SCW_DEFAULT_ZONE)"),
	TEXT("base-url", "URL", base_url, "equinixmetal: where the machine fetches the files (METAL_BASE_URL)"),
	TEXT("destination", "PLACE", destination, "equinixmetal: the folder that is served there, or HOST:FOLDER"),
	TEXT("url", "URL", url, "vcenter: its address (VCURL)"),
	TEXT("datacenter", "NAME", datacenter, "vcenter (VCDATACENTER)"),
	TEXT("datastore", "NAME", datastore, "vcenter (VCDATASTORE)"),
	TEXT("hostname", "NAME", host, "vcenter: the host (VCHOST)"),
	TEXT("folder", "NAME", folder, "vcenter: the folder of the datastore"),
	IGNORED("timeout"),
	IGNORED("access-key"),
	IGNORED("secret-key"),
	IGNORED("ssh-key"),
	IGNORED("instance-id"),
	IGNORED("device-name"),
	IGNORED("volume-size"),
	IGNORED("organization-id"),
	IGNORED("arch"),
	{ "no-clean", .set = option_set_nothing },
	{ "decompress", .set = option_set_nothing },
	{ 0 },
};

static const struct command_verb push_verbs[] = {
	{ "aws", "FILE.raw", "a disk of format aws, to an AMI" },
	{ "azure", "FILE.vhd", "a disk of format vhd, to an image" },
	{ "gcp", "FILE.img.tar.gz", "a disk of format gcp, to an image" },
	{ "openstack", "FILE", "a disk or CD, to an image of Glance" },
	{ "scaleway", "FILE", "a disk of format qcow2-efi, to an image" },
	{ "equinixmetal", "PREFIX", "kernel and initrd, with a script for iPXE" },
	{ "vcenter", "FILE", "a disk or CD, to a datastore" },
	{ 0 },
};

/* LinuxKit's variables. */
static void environment_take(struct push_options *o, const char *provider)
{
	struct {
		const char *provider, *variable, **field;
	} variables[] = {
		{ "aws", "AWS_BUCKET", &o->bucket },
		{ "aws", "AWS_IMAGE_NAME", &o->image_name },
		{ "gcp", "CLOUDSDK_IMAGE_BUCKET", &o->bucket },
		{ "gcp", "CLOUDSDK_IMAGE_NAME", &o->image_name },
		{ "gcp", "CLOUDSDK_CORE_KEYS", &o->keys },
		{ "gcp", "CLOUDSDK_CORE_PROJECT", &o->project },
		{ "gcp", "CLOUDSDK_IMAGE_FAMILY", &o->family },
		{ "scaleway", "SCW_IMAGE_NAME", &o->image_name },
		{ "scaleway", "SCW_DEFAULT_ZONE", &o->zone },
		{ "equinixmetal", "METAL_BASE_URL", &o->base_url },
		{ "equinixmetal", "METAL_MACHINE_NAME", &o->image_name },
		{ "vcenter", "VCURL", &o->url },
		{ "vcenter", "VCDATACENTER", &o->datacenter },
		{ "vcenter", "VCDATASTORE", &o->datastore },
		{ "vcenter", "VCHOST", &o->host },
	};

	for (size_t i = 0; i < array_len(variables); i++)
		if (!*variables[i].field && str_eq(variables[i].provider, provider)) {
			const char *value = getenv(variables[i].variable);

			*variables[i].field = value && *value ? value : NULL;
		}
}

/* The shell is this process from then on. */
static int script_run(const char *script)
{
	char *const argv[] = { (char *)"sh", (char *)"-euc", (char *)script, NULL };

	fflush(NULL);
	execvp("sh", argv);
	log_error("sh: %s", strerror(errno));
	return 1;
}

static int file_check(const char *provider, const char *file, struct error *err)
{
	_cleanup_free_ char *kernel = str_eq(provider, "equinixmetal") ? str_format("%s-kernel", file) : strdup(file);

	if (!kernel)
		return error_set(err, ENOMEM, "%s", file);
	return access(kernel, R_OK) == 0 ? 0 : error_set(err, errno, "%s", kernel);
}

static int push_main(const struct command *c, char **argv)
{
	_cleanup_error_ struct error err = { 0 };
	_cleanup_buf_ struct buf script = { 0 };
	struct push_options o = { 0 };
	const struct command_verb *verb;
	int status = command_line(c, argv, &o);

	if (status >= 0)
		return status;
	if (!argv[1]) {
		command_help(c, stderr);
		return 2;
	}
	verb = verb_find(c->verbs, argv[1], "`pith push --help` lists them", &err);
	if (!verb)
		return command_refuse(&err);
	if (!argv[2] || argv[3]) {
		error_set(&err, 0, "push %s takes one file", verb->name);
		return command_refuse(&err);
	}
	environment_take(&o, verb->name);
	if (push_script((size_t)(verb - push_verbs), &o, argv[2], &script, &err) < 0)
		return command_refuse(&err);
	if (file_check(verb->name, argv[2], &err) == 0) {
		if (o.run)
			return script_run(buf_text(&script));
		if (fputs(buf_text(&script), stdout) >= 0 && fflush(stdout) == 0)
			return 0;
		error_set(&err, errno, "standard output");
	}
	log_error("%s", error_text(&err));
	return 1;
}

static const char *const push_usage[] = { "PROVIDER [OPTION...] FILE", NULL };

const struct command push_command = {
	.name = "push",
	.summary = "bring a disk image to a cloud, with its own tool",
	.usage = push_usage,
	.text = "Prints the commands of the provider's own tool (aws, az, gcloud, openstack, scw, govc) that upload an "
		"image and make "
		"a machine image of it; with --run they are run, and the first that fails ends it. Logins are the "
		"tool's.",
	.verbs = push_verbs,
	.options = push_table,
	.run = push_main,
};
