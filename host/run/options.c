#include "options.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stddef.h>

#include "backend.h"
#include "forward.h"
#include "str.h"
#include "virtiofs.h"

#define MIB (UINT64_C(1) << 20)

static int set_disk(void *data, const struct option *option, const char *text, struct error *err)
{
	struct run_options *o = data;
	struct disk *grown = reallocarray(o->disks, o->disk_count + 1, sizeof(*grown));

	if (!grown)
		return error_set(err, ENOMEM, "--%s", option->name);
	o->disks = grown;
	return disk_parse(text, &o->disks[o->disk_count++], err);
}

static int set_port(void *data, const struct option *option, const char *text, struct error *err)
{
	struct run_options *o = data;
	struct publish *grown = reallocarray(o->ports, o->port_count + 1, sizeof(*grown));

	if (!grown)
		return error_set(err, ENOMEM, "--%s", option->name);
	o->ports = grown;
	return publish_parse(text, &o->ports[o->port_count++], err);
}

static int set_memory(void *data, const struct option *option, const char *text, struct error *err)
{
	struct run_options *o = data;

	/* Below that no kernel of ours comes up. */
	if (str_to_size(text, MIB, &o->memory) < 0 || o->memory < 16 * MIB || o->memory > UINT64_C(1) << 46)
		return error_set(err, 0, "--%s %s: not a size of at least 16M: write it like 1024 (MB) or 2G",
				 option->name, text);
	o->memory -= o->memory % MIB;
	return 0;
}

static int set_vsock_ports(void *data, const struct option *option, const char *value, struct error *err)
{
	struct run_options *o = data;

	(void)option;
	(void)err;
	o->vsock = !str_eq(value, "none");
	o->vsock_ports = o->vsock ? value : NULL;
	return 0;
}

/* A switch that may have a word, too. */
static int set_wait(void *data, const struct option *option, const char *value, struct error *err)
{
	struct run_options *o = data;
	bool on = true;

	if (value && str_eq(value, "ready")) {
		o->wait = RUN_WAIT_READY;
		return 0;
	}
	if (value && option_switch(option, value, &on, NULL) < 0)
		return error_set(err, 0, "--wait=%s: unknown: --wait, or --wait=ready", value);
	o->wait = on ? RUN_WAIT_AGENT : RUN_WAIT_NONE;
	return 0;
}

/* The switches --kernel, --squashfs, --erofs and --iso; `min` is the kind that each stands for. */
static int set_kind(void *data, const struct option *option, const char *value, struct error *err)
{
	struct run_options *o = data;
	bool on;

	if (option_switch(option, value, &on, err) < 0)
		return -1;
	if (!on)
		return 0;
	if (o->kind != BOOT_ANY && o->kind != (enum boot_kind)option->min)
		return error_set(err, 0, "only one of --kernel, --squashfs, --erofs and --iso can be given");
	o->kind = (enum boot_kind)option->min;
	return 0;
}

#define FIELD(name) offsetof(struct run_options, name)

static const char *const accels[] = { "auto", "kvm", "tcg", NULL };
static const char *const arches[] = { "x86_64", "aarch64", NULL };
static const char *const networks[] = { "user", "user,restrict", "vpnkit", "tap,", "bridge,", "none", NULL };

const struct option run_table[] = {
	{ "cpus", .argument = "N", .set = option_set_number, .field = FIELD(cpus), .min = 1, .max = 4096,
	  .help = "virtual processors (1)" },
	{ "mem", .argument = "SIZE", .set = set_memory, .help = "memory, in MB or with K, M, G (1024)" },
	{ "low-memory", .set = option_set_switch, .field = FIELD(low_memory),
	  .help = "boot with less memory than the image needs" },
	{ "disk", .argument = "SPEC", .set = set_disk,
	  .help = "[file=]PATH[,size=1G][,format=qcow2|raw][,bus=virtio|sata|scsi|nvme|usb]; made when missing; a "
		  "smaller one grows to the size; again for more disks" },
	{ "publish", .argument = "SPEC", .set = set_port,
	  .help = "[ADDRESS:]HOST:GUEST[/tcp|udp]: a port of the guest on the host (127.0.0.1; 0.0.0.0 for all of its "
		  "addresses); again for more" },
	{ "networking", .argument = "MODE", .set = option_set_text, .field = FIELD(networking), .choices = networks,
	  .help = "user, user,restrict (nothing but published ports), vpnkit (user, with ports over the vsock device "
		  "to "
		  "a vpnkit-forwarder in the guest), tap,NAME, bridge,NAME or none (user)" },
	{ "ip", .argument = "ADDRESS", .set = option_set_text, .field = FIELD(ip),
	  .help = "with --networking user and vpnkit: the IPv4 address that the guest gets by DHCP (10.0.2.15; of the "
		  "back-ends hyperkit and virtualization 192.168.65.3); .1 of its network is the host, .2 serves "
		  "names" },
	{ "forward-allow", .argument = "LIST", .set = option_set_text, .field = FIELD(forward_allow),
	  .help = "with --networking vpnkit: the ports that the guest itself may have opened on the host: "
		  "[ADDRESS:]PORT[-PORT][/tcp|/udp], with commas between, or none (those of the host's loopback from "
		  "1024 on)" },
	{ "data", .argument = "TEXT", .set = option_set_text, .field = FIELD(data), .help = "metadata for the guest" },
	{ "data-file", .argument = "FILE", .set = option_set_text, .field = FIELD(data_file),
	  .help = "metadata for the guest, read from a file" },
	{ "state", .argument = "DIR", .set = option_set_text, .field = FIELD(state),
	  .help = "state directory (NAME-state)" },
	{ "detached", 'd', .set = option_set_switch, .field = FIELD(detached),
	  .help = "run in the background; the console goes to STATE/console.log, `pith stop NAME` powers the guest "
		  "down" },
	{ "wait", .set = set_wait,
	  .help = "with --detached: return when commands can run in the guest; --wait=ready: when its services are "
		  "ready" },
	{ "stop-timeout", .argument = "SEC", .set = option_set_number, .field = FIELD(stop_timeout), .max = 86400,
	  .help = "time that a guest has to power down before it is stopped (60)" },
	{ "no-reboot", .set = option_set_switch, .field = FIELD(no_reboot), .help = "end when the guest reboots" },
	{ "console-file", .set = option_set_switch, .field = FIELD(console_file),
	  .help = "the console goes to STATE/console.log alone" },
	{ "raw-console", .set = option_set_switch, .field = FIELD(raw_console), .help = "Ctrl-C goes to the guest" },
	{ "kernel", .set = set_kind, .min = BOOT_KERNEL, .help = "NAME is a kernel and an initrd" },
	{ "squashfs", .set = set_kind, .min = BOOT_SQUASHFS, .help = "NAME is a kernel and a squashfs image" },
	{ "erofs", .set = set_kind, .min = BOOT_EROFS, .help = "NAME is a kernel and an EROFS image" },
	{ "iso", .set = set_kind, .min = BOOT_ISO,
	  .help = "NAME is an ISO image; without one of these four NAME is what was built last" },
	{ "format", .argument = "FORMAT", .set = option_set_text, .field = FIELD(format),
	  .help = "the format of a NAME that is a disk image: raw, qcow2, ... (raw)" },
	{ "bus", .argument = "BUS", .set = option_set_choice, .field = FIELD(bus), .choices = disk_buses,
	  .help = "what a NAME that is a disk or an ISO image is attached to: virtio, sata, scsi, nvme or usb (virtio, "
		  "and scsi for an ISO image)" },
	{ "uefi", .set = option_set_switch, .field = FIELD(uefi), .help = "boot through UEFI firmware" },
	{ "fw", .argument = "FILE", .set = option_set_text, .field = FIELD(firmware),
	  .help = "boot through this UEFI firmware" },
	{ "arch", .argument = "ARCH", .set = option_set_text, .field = FIELD(arch), .choices = arches,
	  .help = "x86_64 or aarch64 (the image's)" },
	{ "accel", .argument = "NAME", .set = option_set_text, .field = FIELD(accel), .choices = accels,
	  .help = "auto, kvm or tcg (auto: KVM where it runs a guest)" },
	{ "qemu", .argument = "PATH", .set = option_set_text, .field = FIELD(qemu),
	  .help = "the QEMU to run (qemu-system-ARCH)" },
	{ "no-sandbox", .set = option_set_switch, .field = FIELD(no_sandbox),
	  .help = "without QEMU's system call filter, for a QEMU that has none" },
	{ "gui", .set = option_set_switch, .field = FIELD(gui), .help = "a window instead of no display" },
	{ "usb", .set = option_set_switch, .field = FIELD(usb), .help = "a USB controller" },
	{ "device", .argument = "SPEC", .set = option_set_list, .field = FIELD(devices),
	  .help = "adds what QEMU's -device takes; again for more" },
	{ "virtiofs", .argument = "DIR", .set = option_set_list, .field = FIELD(virtiofs),
	  .help = "a directory that the guest can mount as virtiofs0; again for virtiofs1, ..." },
	{ "virtiofsd", .argument = "PATH", .set = option_set_text, .field = FIELD(virtiofsd),
	  .help = "the program that serves it (Debian's)" },
	{ "tpm", .set = option_set_switch, .field = FIELD(tpm),
	  .help = "a TPM of version 2.0, by swtpm; what it keeps is in STATE/tpm" },
	{ "vsock-ports", .argument = "PORTS", .set = set_vsock_ports,
	  .help = "sockets in the state directory for these vsock ports of the guest (2374,2376); none: no vsock "
		  "device at all, and no `pith exec` and the like" },
	{ "vsock-cid", .argument = "N", .set = option_set_number, .field = FIELD(vsock_cid), .min = 3,
	  .max = UINT32_MAX - 1, .help = "the guest's context id (3)" },
	{ "vsock-hybrid", .argument = "PATH", .set = option_set_text, .field = FIELD(vsock_hybrid),
	  .help = "one more socket that speaks the hybrid vsock protocol" },
	{ "fifos", .argument = "DIRS", .set = option_set_text, .field = FIELD(fifos),
	  .help = "where the guest's containerd may find fifos of clients on the host, beside /run/containerd/fifo "
		  "and the state directory" },
	/* of the back-end hyperkit alone */
	{ "hyperkit", .argument = "PATH", .set = option_set_text, .field = FIELD(hyperkit) },
	{ "vpnkit", .argument = "PATH", .set = option_set_text, .field = FIELD(vpnkit) },
	{ "vpnkit-uuid", .argument = "UUID", .set = option_set_text, .field = FIELD(vpnkit_uuid) },
	{ 0 },
};

/* [BACKEND] NAME: the back-end may be named, as for LinuxKit. */
static int options_words(struct run_options *o, char **words, struct error *err)
{
	const struct backend *b = NULL;

	if (words[0] && words[1]) {
		if (backend_refuse(words[0], err) < 0)
			return -1;
		b = backend_find(words[0]);
		if (b)
			words++;
	}
	if (!words[0])
		return error_set(err, 0, "which image? `pith run NAME` boots what `pith build NAME.yml` wrote");
	if (words[1])
		return error_set(err, 0, "one image at a time: \"%s\" is one too many", words[1]);
	o->name = words[0];
	return backend_settle(b, o, err);
}

static bool networking_known(const char *mode)
{
	return str_eq(mode, "user") || str_eq(mode, "user,restrict") || str_eq(mode, "vpnkit") ||
		str_eq(mode, "none") || (str_starts(mode, "tap,") && mode[4]) ||
		(str_starts(mode, "bridge,") && mode[7]);
}

/* The network is the /24 around it. */
static int ip_check(const struct run_options *o, struct error *err)
{
	struct in_addr ip;
	uint32_t number;

	if (!str_starts(o->networking, "user") && !str_eq(o->networking, "vpnkit"))
		return error_set(err, 0, "--ip is for --networking user and vpnkit");
	if (inet_pton(AF_INET, o->ip, &ip) != 1)
		return error_set(err, 0, "--ip %s: no IPv4 address: write it like 192.168.65.10", o->ip);
	number = ntohl(ip.s_addr);
	if (number >> 24 == 0 || number >> 24 == 127 || number >> 24 >= 224)
		return error_set(err, 0, "--ip %s: no guest can have this address", o->ip);
	if ((number & 255) < 3 || (number & 255) == 255)
		return error_set(err, 0, "--ip %s: a guest has .3 to .254 of its network", o->ip);
	return 0;
}

static int network_check(const struct run_options *o, struct error *err)
{
	if (str_starts(o->networking, "vpnkit,"))
		return error_say(
			err, ENOTSUP,
			"--networking %s: a vpnkit of the host's is not there: \"vpnkit\" alone forwards ports",
			o->networking);
	if (!networking_known(o->networking))
		return error_set(err, 0,
				 "--networking %s: unknown: user, user,restrict, vpnkit, tap,NAME, bridge,NAME or none",
				 o->networking);
	if (o->ip && ip_check(o, err) < 0)
		return -1;
	if (o->port_count && !o->forward && !str_starts(o->networking, "user"))
		return error_set(err, 0, "--publish needs --networking user, vpnkit or none");
	if (o->forward && !o->vsock)
		return error_set(err, 0, "%s needs the vsock device, which --vsock-ports none leaves out",
				 str_eq(o->networking, "none") ? "--publish without a network" : "--networking vpnkit");
	if (o->forward_allow && !o->forward)
		return error_set(err, 0, "--forward-allow is for --networking vpnkit");
	if (o->forward_allow && forward_allow_check(o->forward_allow, err) < 0)
		return error_wrap(err, "--forward-allow");
	return publish_check_all(o->ports, o->port_count, err);
}

static int options_check(const struct run_options *o, struct error *err)
{
	if (o->arch && !str_eq(o->arch, "x86_64") && !str_eq(o->arch, "aarch64"))
		return error_set(err, 0, "--arch %s: unknown: x86_64 or aarch64", o->arch);
	if (o->data && o->data_file)
		return error_set(err, 0, "--data and --data-file: only one of them can be given");
	if (network_check(o, err) < 0)
		return -1;
	if (strv_len(o->virtiofs) > VIRTIOFS_MAX)
		return error_set(err, 0, "--virtiofs: at most %d directories can be shared", VIRTIOFS_MAX);
	if (o->virtiofsd && !o->virtiofs)
		return error_set(err, 0, "--virtiofsd serves directories: name them with --virtiofs");
	if (o->wait && !o->detached)
		return error_set(err, 0, "--wait is for a machine in the background: give it with --detached");
	if (o->wait && !o->vsock)
		return error_set(err, 0, "--wait needs the vsock device, which --vsock-ports none leaves out");
	if (o->detached && o->gui)
		return error_set(err, 0, "--detached and --gui: only one of them can be given");
	return 0;
}

static void options_default(struct run_options *o)
{
	*o = (struct run_options){
		.cpus = 1,
		.memory = 1024 * MIB,
		.accel = getenv("LINUXKIT_QEMU_ACCEL"),
		.vsock = true,
		.vsock_cid = 3,
		.stop_timeout = 60,
	};
}

static int options_finish(struct run_options *o, char **words, struct error *err)
{
	o->uefi |= o->firmware != NULL;
	if (o->arch && str_eq(o->arch, "amd64"))
		o->arch = "x86_64";
	if (o->arch && str_eq(o->arch, "arm64"))
		o->arch = "aarch64";
	if (options_words(o, words, err) < 0)
		return -1;
	o->forward = str_eq(o->networking, "vpnkit") || (str_eq(o->networking, "none") && o->port_count > 0);
	return options_check(o, err);
}

int run_options_parse(const struct command *c, char **argv, struct run_options *out, struct error *err)
{
	int r;

	options_default(out);
	if (strv_len(argv) > 2 && backend_refuse(argv[1], err) < 0)
		return -1;
	r = command_parse(c, argv, out, err);
	return r ? r : options_finish(out, argv + 1, err);
}

void run_options_clear(struct run_options *o)
{
	size_t i;

	for (i = 0; i < o->disk_count; i++)
		disk_clear(&o->disks[i]);
	free(o->disks);
	free(o->ports);
	strv_free(o->virtiofs);
	strv_free(o->devices);
	*o = (struct run_options){ 0 };
}
