/* One function a provider. A line is a template in which each ? is a value, quoted for the shell where it needs that.
 */
#include "script.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "str.h"

static int add_quoted(struct buf *out, const char *value)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-./:@%+,";

	if (*value && !value[strspn(value, plain)])
		return buf_addstr(out, value);
	if (buf_addstr(out, "'") < 0)
		return -1;
	for (; *value; value++)
		if (*value == '\'' ? buf_addstr(out, "'\\''") < 0 : buf_add(out, value, 1) < 0)
			return -1;
	return buf_addstr(out, "'");
}

/* One value for each ? of the template. */
static int line_add(struct buf *out, const char *template, ...)
{
	va_list values;
	int r = 0;

	va_start(values, template);
	for (const char *p = template; r == 0 && *p; p++)
		r = *p == '?' ? add_quoted(out, va_arg(values, const char *)) : buf_add(out, p, 1);
	va_end(values);
	return r;
}

/* What is being made. */
struct push {
	const struct push_options *o;
	const char *file;
	const char *name; /* of the image there: as the option says, or the file's without its end */
	struct buf *out;
	struct error *err;
};

static int value_need(const struct push *p, const char *value, const char *what)
{
	return value && *value ? 0 : error_set(p->err, 0, "%s", what);
}

/* The snapshot's number is known when it has been imported. */
static int aws_script(struct push *p)
{
	const struct push_options *o = p->o;
	_cleanup_free_ char *key = str_format("%s.raw", p->name), *disk = NULL, *place = NULL;

	if (value_need(p, o->bucket, "a bucket of S3 is needed: --bucket NAME, or AWS_BUCKET") < 0)
		return -1;
	place = key ? str_format("s3://%s/%s", o->bucket, key) : NULL;
	disk = place ? str_format("{\"Description\":\"%s\",\"Format\":\"raw\",\"UserBucket\":{\"S3Bucket\":\"%s\","
				  "\"S3Key\":\"%s\"}}",
				  p->name, o->bucket, key)
		     : NULL;
	if (!disk)
		return -1;
	return line_add(p->out,
			"aws s3 cp ? ?\n"
			"task=$(aws ec2 import-snapshot --description ? --disk-container ? --query ImportTaskId "
			"--output "
			"text)\n"
			"aws ec2 wait snapshot-imported --import-task-ids \"$task\"\n"
			"snapshot=$(aws ec2 describe-import-snapshot-tasks --import-task-ids \"$task\""
			" --query 'ImportSnapshotTasks[0].SnapshotTaskDetail.SnapshotId' --output text)\n"
			"aws ec2 register-image --name ? --architecture x86_64 --virtualization-type hvm"
			" --root-device-name /dev/sda1 --block-device-mappings "
			"\"DeviceName=/dev/sda1,Ebs={SnapshotId=$snapshot}\"",
			p->file, place, p->name, disk, p->name) < 0 ||
			(o->ena && buf_addstr(p->out, " --ena-support") < 0) ||
			(o->sriov && line_add(p->out, " --sriov-net-support ?", o->sriov) < 0) ||
			(o->uefi && buf_addstr(p->out, " --boot-mode uefi") < 0) ||
			(o->tpm && buf_addstr(p->out, " --tpm-support v2.0") < 0)
		? -1
		: buf_addstr(p->out, "\n");
}

static int azure_script(struct push *p)
{
	const struct push_options *o = p->o;
	_cleanup_free_ char *blob = str_format("%s.vhd", p->name);

	if (value_need(p, o->resource_group, "a group is needed: --resource-group NAME") < 0 ||
	    value_need(p, o->account, "an account is needed: --storage-account NAME") < 0 || !blob)
		return -1;
	return line_add(
		p->out,
		"az storage container create --account-name ? --name linuxkitimages\n"
		"az storage blob upload --account-name ? --container-name linuxkitimages --type page --name ? --file "
		"?\n"
		"source=$(az storage blob url --account-name ? --container-name linuxkitimages --name ? --output tsv)\n"
		"az image create --resource-group ? --name ? --os-type Linux --hyper-v-generation V1 --source "
		"\"$source\"\n",
		o->account, o->account, blob, p->file, o->account, blob, o->resource_group, p->name);
}

static int gcp_script(struct push *p)
{
	const struct push_options *o = p->o;
	_cleanup_free_ char *place = NULL;
	const char *features = o->uefi ? "UEFI_COMPATIBLE" : NULL;

	if (value_need(p, o->bucket, "a bucket is needed: --bucket NAME, or CLOUDSDK_IMAGE_BUCKET") < 0)
		return -1;
	place = str_format("gs://%s/%s.img.tar.gz", o->bucket, p->name);
	if (!place ||
	    (o->keys && line_add(p->out, "gcloud auth activate-service-account --key-file ?\n", o->keys) < 0) ||
	    line_add(p->out, "gcloud storage cp ? ?\n", p->file, place) < 0 ||
	    (o->public &&
	     line_add(p->out, "gcloud storage objects update ? --predefined-acl publicRead\n", place) < 0) ||
	    line_add(p->out, "gcloud compute images create ? --source-uri ?", p->name, place) < 0 ||
	    (o->project && line_add(p->out, " --project ?", o->project) < 0) ||
	    (o->family && line_add(p->out, " --family ?", o->family) < 0) ||
	    (features && line_add(p->out, " --guest-os-features ?", features) < 0) ||
	    (o->nested &&
	     buf_addstr(p->out,
			" --licenses "
			"https://www.googleapis.com/compute/v1/projects/vm-options/global/licenses/enable-vmx") < 0))
		return -1;
	return buf_addstr(p->out, "\n");
}

static int openstack_script(struct push *p)
{
	static const struct {
		const char *end, *format;
	} formats[] = { { ".qcow2", "qcow2" }, { ".vmdk", "vmdk" }, { ".vhd", "vhd" },
			{ ".iso", "iso" },     { ".img", "raw" },   { ".raw", "raw" } };

	for (size_t i = 0; i < array_len(formats); i++)
		if (str_ends(p->file, formats[i].end))
			return line_add(p->out,
					"openstack image create --disk-format ? --container-format bare --file ? ?\n",
					formats[i].format, p->file, p->name);
	return error_set(p->err, 0, "%s: of what format? Its name ends with .qcow2, .vmdk, .vhd, .iso, .img or .raw",
			 p->file);
}

/* Scaleway takes disks for snapshots out of its object storage. */
static int scaleway_script(struct push *p)
{
	const struct push_options *o = p->o;
	const char *zone = o->zone ? o->zone : "fr-par-1", *dot = strrchr(p->file, '.');
	_cleanup_free_ char *key = str_format("%s%s", p->name, dot ? dot : ""), *place = NULL, *image = NULL;
	_cleanup_free_ char *endpoint =
		str_format("https://s3.%.*s.scw.cloud", (int)(strlen(zone) > 2 ? strlen(zone) - 2 : 0), zone);

	if (value_need(p, o->bucket, "a bucket of Scaleway's object storage is needed: --bucket NAME") < 0)
		return -1;
	place = key ? str_format("s3://%s/%s", o->bucket, key) : NULL;
	image = str_format("name=%s", p->name);
	if (!place || !image || !endpoint)
		return -1;
	return line_add(
		p->out,
		"aws s3 cp --endpoint-url ? ? ?\n"
		"snapshot=$(scw block snapshot import-from-object-storage ? bucket=? key=? zone=? --wait --output "
		"template="
		"'{{ .ID }}')\n"
		"scw instance image create ? arch=x86_64 snapshot-id=\"$snapshot\" zone=?\n",
		endpoint, p->file, place, image, o->bucket, key, zone, image, zone);
}

static int equinixmetal_script(struct push *p)
{
	const struct push_options *o = p->o;
	const char *to = o->destination;
	_cleanup_free_ char *script = NULL;

	if (value_need(p, o->base_url,
		       "the address that the machine boots from is needed: --base-url URL, or METAL_BASE_URL") < 0 ||
	    value_need(p, to, "where do the files go? --destination DIR, or HOST:DIR for scp") < 0)
		return -1;
	to += str_starts(to, "file://") ? strlen("file://") : 0;
	script =
		str_format("#!ipxe\nset base-url %s\nkernel ${base-url}/%s-kernel ip=dhcp initrd=%s-initrd.img\ninitrd "
			   "${base-url}/%s-initrd.img\nboot\n",
			   o->base_url, p->name, p->name, p->name);
	if (!script)
		return -1;
	return line_add(p->out, "printf %s ? >?-packet.ipxe\n? ?-kernel ?-initrd.img ?-packet.ipxe ?\n", script,
			p->file, strchr(to, ':') ? "scp" : "cp", p->file, p->file, p->file, to);
}

static int vcenter_script(struct push *p)
{
	const struct push_options *o = p->o;
	const char *slash = strrchr(p->file, '/');
	_cleanup_free_ char *place =
		str_format("%s%s%s", o->folder ? o->folder : "", o->folder ? "/" : "", slash ? slash + 1 : p->file);

	if (value_need(p, o->datastore, "a datastore is needed: --datastore NAME, or VCDATASTORE") < 0 || !place)
		return -1;
	if (o->url && line_add(p->out, "export GOVC_URL=?\n", o->url) < 0)
		return -1;
	if (o->folder && line_add(p->out, "govc datastore.mkdir -p -ds ? ?\n", o->datastore, o->folder) < 0)
		return -1;
	if (str_ends(p->file, ".vmdk") ? line_add(p->out, "govc import.vmdk -ds ?", o->datastore) < 0
				       : line_add(p->out, "govc datastore.upload -ds ?", o->datastore) < 0)
		return -1;
	if (o->datacenter && line_add(p->out, " -dc ?", o->datacenter) < 0)
		return -1;
	if (o->host && str_ends(p->file, ".vmdk") && line_add(p->out, " -host ?", o->host) < 0)
		return -1;
	return line_add(p->out, " ? ?\n", p->file,
			str_ends(p->file, ".vmdk") ? (o->folder ? o->folder : p->name) : place);
}

/* --- all of them --- */

const char *const push_providers[] = {
	"aws", "azure", "gcp", "openstack", "scaleway", "equinixmetal", "vcenter", NULL
};

static const struct provider {
	int (*script)(struct push *p);
	const char *end; /* of a file's name, which the image's does without */
	const char *tool;
} providers[] = { { aws_script, ".raw", "aws" },           { azure_script, ".vhd", "az" },
		  { gcp_script, ".img.tar.gz", "gcloud" }, { openstack_script, NULL, "openstack" },
		  { scaleway_script, NULL, "scw" },        { equinixmetal_script, "", "scp" },
		  { vcenter_script, NULL, "govc" } };
static_assert(array_len(providers) + 1 == array_len(push_providers), "one function a provider");

static char *image_name(const struct provider *provider, const struct push_options *o, const char *file)
{
	const char *slash = strrchr(file, '/'), *base = slash ? slash + 1 : file, *dot = strrchr(base, '.');

	if (o->image_name)
		return strdup(o->image_name);
	if (provider->end && str_ends(base, provider->end))
		return strndup(base, strlen(base) - strlen(provider->end));
	return provider->end && !*provider->end ? strdup(base)
						: strndup(base, dot ? (size_t)(dot - base) : strlen(base));
}

int push_script(size_t provider, const struct push_options *o, const char *file, struct buf *out, struct error *err)
{
	_cleanup_error_ struct error why = { 0 };
	_cleanup_free_ char *name = image_name(&providers[provider], o, file);
	struct push p = { o, file, name, out, &why };

	if (name && providers[provider].script(&p) == 0)
		return 0;
	return why.msg ? error_move(err, &why) : error_set(err, ENOMEM, "%s", file);
}

const char *push_tool(size_t provider)
{
	return providers[provider].tool;
}
