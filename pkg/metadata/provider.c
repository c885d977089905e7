#include "provider.h"

#include "str.h"

#define EC2    "/latest/meta-data/"
#define GOOGLE "/computeMetadata/v1/"
#define OCEAN  "/metadata/v1/"
#define METAL  "/get/meta/"

static const char link_local[] = "169.254.169.254";

/* Of all that answer as EC2 does. */
static const struct provider_item ec2_items[] = {
	{ FINDING_HOSTNAME, EC2 "hostname", .required = true },
	{ "public_ipv4", EC2 "public-ipv4" },
	{ "local_ipv4", EC2 "local-ipv4" },
	{ "availability_zone", EC2 "placement/availability-zone" },
	{ "instance_type", EC2 "instance-type" },
	{ "instance_id", EC2 "instance-id" },
	{ "local_hostname", EC2 "local-hostname" },
	{ FINDING_KEYS, EC2 "public-keys/0/openssh-key" },
	{ NULL, "/latest/user-data" },
	{ 0 },
};

static const struct provider_item gcp_items[] = {
	{ FINDING_HOSTNAME, GOOGLE "instance/hostname", .required = true },
	{ FINDING_KEYS, GOOGLE "project/attributes/ssh-keys", .convert = keys_from_google },
	{ NULL, GOOGLE "instance/attributes/user-data" },
	{ 0 },
};

static const struct provider_item hetzner_items[] = {
	{ FINDING_HOSTNAME, EC2 "hostname", .required = true },
	{ "public_ipv4", EC2 "public-ipv4" },
	{ "local_ipv4", EC2 "local-ipv4" },
	{ "instance_id", EC2 "instance-id" },
	{ FINDING_KEYS, EC2 "public-keys", .convert = keys_from_json },
	{ NULL, "/latest/user-data" },
	{ 0 },
};

static const struct provider_item scaleway_items[] = {
	{ NULL, "/user_data/cloud-init" },
	{ 0 },
};

static const struct provider_item vultr_items[] = {
	{ FINDING_HOSTNAME, "/v1/hostname", .required = true },
	{ "public_ipv4", "/v1/interfaces/0/ipv4/address" },
	{ "private_ipv4", "/v1/interfaces/1/ipv4/address" },
	{ "private_netmask", "/v1/interfaces/1/ipv4/netmask" },
	{ "region_code", "/v1/region/regioncode" },
	{ "instance_id", "/v1/instanceid" },
	{ FINDING_KEYS, "/v1/public-keys" },
	{ 0 },
};

static const struct provider_item digitalocean_items[] = {
	{ FINDING_HOSTNAME, OCEAN "hostname", .required = true },
	{ "public_ipv4", OCEAN "interfaces/public/0/ipv4/address" },
	{ "private_ipv4", OCEAN "interfaces/private/0/ipv4/address" },
	{ "region", OCEAN "region" },
	{ "id", OCEAN "id" },
	{ FINDING_KEYS, OCEAN "public-keys" },
	{ NULL, OCEAN "user-data" },
	{ 0 },
};

static const struct provider_item equinixmetal_items[] = {
	{ NULL, "/userdata", .convert = userdata_not_ipxe },
	{ 0 },
};

static const struct provider_item metaldata_items[] = {
	{ FINDING_HOSTNAME, METAL "hostname", .required = true },
	{ "public_ipv4", METAL "public-ipv4" },
	{ "private_ipv4", METAL "private-ipv4" },
	{ "failure_domain", METAL "failure-domain" },
	{ "machine_id", METAL "machine-id" },
	{ "machine_type", METAL "machine-type" },
	{ FINDING_KEYS, METAL "authorized-keys" },
	{ NULL, "/get/user" },
	{ 0 },
};

const struct provider providers[] = {
	{
		.name = "aws",
		.title = "AWS",
		.host = link_local,
		.probe = EC2 "hostname",
		.token = true,
		.items = ec2_items,
	},
	{
		.name = "gcp",
		.title = "GCP",
		.host = "metadata.google.internal",
		.header = "Metadata-Flavor: Google",
		.probe = GOOGLE "instance/hostname",
		.items = gcp_items,
	},
	{
		.name = "hetzner",
		.title = "Hetzner",
		.host = link_local,
		.probe = EC2 "hostname",
		.items = hetzner_items,
	},
	{
		.name = "openstack",
		.title = "openstack",
		.host = link_local,
		.probe = EC2 "hostname",
		.items = ec2_items,
	},
	{
		.name = "scaleway",
		.title = "Scaleway",
		.host = "169.254.42.42",
		.probe = "/conf",
		.digest = scaleway_digest,
		.low_port = true,
		.items = scaleway_items,
	},
	{
		.name = "vultr",
		.title = "Vultr",
		.host = link_local,
		.probe = "/v1/",
		.items = vultr_items,
	},
	{
		.name = "digitalocean",
		.title = "DigitalOcean",
		.host = link_local,
		.probe = OCEAN,
		.items = digitalocean_items,
	},
	{
		.name = "equinixmetal",
		.title = "EquinixMetal",
		.host = "metadata.packet.net",
		.probe = "/metadata",
		.digest = equinix_digest,
		.items = equinixmetal_items,
	},
	{
		.name = "metaldata",
		.title = "metaldata",
		.host = "metaldata",
		.probe = METAL "hostname",
		.items = metaldata_items,
	},
	{ NULL },
};

const struct provider *provider_find(const char *name)
{
	for (const struct provider *p = providers; p->name; p++)
		if (str_eq(p->name, name))
			return p;
	return NULL;
}
