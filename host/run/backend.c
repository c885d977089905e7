#include "backend.h"

#include <errno.h>

#include "log.h"
#include "str.h"

struct backend {
	const char *name;
	bool macos;
	bool hyperkit; /* has its options */
	/* What it calls its usual network is QEMU's own; where it has to forward ports to publish them, VPNKit's. */
	bool forwards;
	const char *network; /* of the guest, where none is said: its first address; NULL: QEMU's usual one */
};

/* Of VPNKit's network, which LinuxKit's documents describe, the first address that it gives to a guest. */
#define VPNKIT_GUEST "192.168.65.3"

static const struct backend backends[] = {
	{ "qemu" },
	{ "hyperkit", .macos = true, .hyperkit = true, .network = VPNKIT_GUEST },
	{ "virtualization", .macos = true, .forwards = true, .network = VPNKIT_GUEST },
	{ "virtualization.framework", .macos = true, .forwards = true, .network = VPNKIT_GUEST },
};

int backend_refuse(const char *word, struct error *err)
{
	static const char *const others[] = { "aws",    "azure",    "equinixmetal", "gcp",     "hyperv", "openstack",
					      "packet", "scaleway", "vbox",         "vcenter", "vmware" };

	for (size_t i = 0; i < array_len(others); i++)
		if (str_eq(word, others[i]))
			return error_say(err, ENOTSUP, "back-end \"%s\" is not there: qemu is the only one", word);
	return 0;
}

const struct backend *backend_find(const char *word)
{
	for (size_t i = 0; i < array_len(backends); i++)
		if (str_eq(word, backends[i].name))
			return &backends[i];
	return NULL;
}

/* HyperKit's own programs are not here, and what they would do is done without them. */
static int hyperkit_settle(const struct backend *b, const struct run_options *o, struct error *err)
{
	const struct {
		const char *option, *value, *why;
	} own[] = {
		{ "hyperkit", o->hyperkit, "the machine runs in QEMU" },
		{ "vpnkit", o->vpnkit, "`pith forward` does its work" },
		{ "vpnkit-uuid", o->vpnkit_uuid, "a machine has the same address each time" },
	};

	for (size_t i = 0; i < array_len(own); i++) {
		if (!own[i].value || !*own[i].value)
			continue;
		if (!b || !b->hyperkit)
			return error_set(err, 0, "--%s is for `pith run hyperkit`", own[i].option);
		log_info("--%s has no effect: %s", own[i].option, own[i].why);
	}
	return 0;
}

/* docker-for-mac is the network of Docker's machine, which forwards ports to the guest's address, as QEMU's own does:
 * the guest needs no forwarder for it. vmnet is a network of macOS'. */
static void networking_settle(const struct backend *b, struct run_options *o)
{
	bool usual = !o->networking || !*o->networking || str_eq(o->networking, "default");

	if (b && !b->macos) {
		if (usual)
			o->networking = "user";
		return;
	}
	if (usual || str_eq(o->networking, "vmnet"))
		o->networking = b && b->forwards && o->port_count ? "vpnkit" : "user";
	else if (str_eq(o->networking, "docker-for-mac"))
		o->networking = "user";
	if (b && !o->ip && (str_eq(o->networking, "user") || str_eq(o->networking, "vpnkit")))
		o->ip = b->network;
}

int backend_settle(const struct backend *b, struct run_options *o, struct error *err)
{
	if (hyperkit_settle(b, o, err) < 0)
		return -1;
	networking_settle(b, o);
	for (size_t i = 0; b && b->macos && i < o->disk_count; i++)
		o->disks[i].raw = true;
	return 0;
}
