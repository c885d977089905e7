#include "options.h"

#include <errno.h>
#include <stddef.h>

#include "globals.h"
#include "str.h"
#include "virtiofs.h"

#define MIB (UINT64_C(1) << 20)

const char run_help[] =
	"usage: pith run [qemu] [OPTION...] NAME\n"
	"\n"
	"Boots the image that `pith build` wrote under the prefix NAME, an ISO image or a disk image in QEMU.\n"
	"The console is on the terminal. Ctrl-C powers the guest down, a second one stops it at once; Ctrl-A is\n"
	"a prefix: Ctrl-A C sends Ctrl-C to the guest, Ctrl-A X stops at once, Ctrl-A Ctrl-A sends Ctrl-A.\n"
	"\n"
	"  --cpus N             virtual processors (1)\n"
	"  --mem SIZE           memory, in MB or with K, M, G (1024)\n"
	"  --low-memory         boot with less memory than the image needs\n"
	"  --disk SPEC          [file=]PATH[,size=1G][,format=qcow2|raw][,bus=virtio|sata]; made when missing;\n"
	"                       a smaller one\n"
	"                       grows to the size; again for more disks\n"
	"  --publish SPEC       [ADDRESS:]HOST:GUEST[/tcp|udp]: a port of the guest on the host (127.0.0.1; 0.0.0.0 "
	"for\n"
	"                       all of its addresses); again for more\n"
	"  --networking MODE    user, user,restrict (nothing but published ports), tap,NAME, bridge,NAME or none "
	"(user)\n"
	"  --data TEXT          metadata for the guest; --data-file FILE reads it from a file\n"
	"  --state DIR          state directory (NAME-state)\n"
	"  --detached           run in the background; the console goes to STATE/console.log, `pith stop NAME` powers\n"
	"                       the guest down\n"
	"  --quiet, --verbose [0-3], and the other global options of `pith --help`\n"
	"  --stop-timeout SEC   time that a guest has to power down before it is stopped (60)\n"
	"  --no-reboot          end when the guest reboots\n"
	"  --raw-console        Ctrl-C goes to the guest\n"
	"  --kernel, --squashfs, --erofs, --iso\n"
	"                       what NAME is, where it is not what was built last\n"
	"  --format FORMAT      the format of a NAME that is a disk image: raw, qcow2, ... (raw)\n"
	"  --uefi, --fw FILE    boot through UEFI firmware\n"
	"  --arch ARCH          x86_64 or aarch64 (the image's)\n"
	"  --accel NAME         auto, kvm or tcg (auto: KVM where it runs a guest)\n"
	"  --qemu PATH          the QEMU to run (qemu-system-ARCH)\n"
	"  --no-sandbox         without QEMU's system call filter, for one that has none\n"
	"  --gui                a window instead of no display\n"
	"  --usb                a USB controller; --device SPEC adds what QEMU's -device takes\n"
	"  --virtiofs DIR       a directory that the guest can mount as virtiofs0; again for virtiofs1, ...\n"
	"  --virtiofsd PATH     the program that serves it (Debian's)\n"
	"  --vsock-ports PORTS  sockets in the state directory for these vsock ports of the guest (2374,2376); none:\n"
	"                       no vsock device at all, and no `pith exec` and the like\n"
	"  --vsock-cid N        the guest's context id (3)\n"
	"  --vsock-hybrid PATH  one more socket that speaks the hybrid vsock protocol\n"
	"  --fifos DIRS         where the guest's containerd may find fifos of clients on the host, beside\n"
	"                       /run/containerd/fifo and the state directory\n";

enum option_id {
	OPT_CPUS = 256,
	OPT_MEM,
	OPT_DISK,
	OPT_PUBLISH,
	OPT_NETWORKING,
	OPT_STATE,
	OPT_DATA,
	OPT_DATA_FILE,
	OPT_ACCEL,
	OPT_ARCH,
	OPT_QEMU,
	OPT_FW,
	OPT_VIRTIOFS,
	OPT_VIRTIOFSD,
	OPT_DEVICE,
	OPT_VSOCK_PORTS,
	OPT_VSOCK_CID,
	OPT_VSOCK_HYBRID,
	OPT_FIFOS,
	OPT_FORMAT,
	OPT_STOP_TIMEOUT,
};

/* Switches set one field and nothing else: the ids from here on are their places in the list. */
enum { SWITCHES = 0x800 };
struct switches {
	bool detached, gui, usb, uefi, no_reboot, raw_console, no_sandbox;
	bool kernel, squashfs, erofs, iso, low_memory;
};

static int number(const char *option, const char *text, uint64_t min, uint64_t max, uint64_t *out, struct error *err)
{
	if (str_to_u64(text, max, out) < 0 || *out < min)
		return error_set(err, 0, "--%s %s: not a number from %llu to %llu", option, text,
				 (unsigned long long)min, (unsigned long long)max);
	return 0;
}

static int add_disk(struct run_options *o, const char *text, struct error *err)
{
	struct disk *grown = reallocarray(o->disks, o->disk_count + 1, sizeof(*grown));

	if (!grown)
		return error_set(err, ENOMEM, "--disk");
	o->disks = grown;
	return disk_parse(text, &o->disks[o->disk_count++], err);
}

static int add_port(struct run_options *o, const char *text, struct error *err)
{
	struct publish *grown = reallocarray(o->ports, o->port_count + 1, sizeof(*grown));

	if (!grown)
		return error_set(err, ENOMEM, "--publish");
	o->ports = grown;
	return publish_parse(text, &o->ports[o->port_count++], err);
}

static int memory(struct run_options *o, const char *text, struct error *err)
{
	/* Below that no kernel of ours comes up. */
	if (str_to_size(text, MIB, &o->memory) < 0 || o->memory < 16 * MIB || o->memory > UINT64_C(1) << 46)
		return error_set(err, 0, "--mem %s: not a size of at least 16M: write it like 1024 (MB) or 2G", text);
	o->memory -= o->memory % MIB;
	return 0;
}

static int set_more(struct run_options *o, int option, const char *value, struct error *err)
{
	switch (option) {
	case OPT_VIRTIOFS:
		return strv_add(&o->virtiofs, value) < 0 ? error_set(err, ENOMEM, "--virtiofs") : 0;
	case OPT_DEVICE:
		return strv_add(&o->devices, value) < 0 ? error_set(err, ENOMEM, "--device") : 0;
	case OPT_VSOCK_PORTS:
		o->vsock = !str_eq(value, "none");
		o->vsock_ports = o->vsock ? value : NULL;
		return 0;
	case OPT_VSOCK_HYBRID:
		o->vsock_hybrid = value;
		return 0;
	case OPT_VSOCK_CID:
		return number("vsock-cid", value, 3, UINT32_MAX - 1, &o->vsock_cid, err);
	case OPT_STOP_TIMEOUT:
		if (number("stop-timeout", value, 0, 86400, &o->stop_timeout_us, err) < 0)
			return -1;
		o->stop_timeout_us *= 1000000;
		return 0;
	default:
		return error_set(err, 0, "`pith run --help` lists the options");
	}
}

static int set(struct run_options *o, int option, const char *value, struct error *err)
{
	const char **strings[] = {
		[OPT_NETWORKING - 256] = &o->networking,
		[OPT_STATE - 256] = &o->state,
		[OPT_DATA - 256] = &o->data,
		[OPT_DATA_FILE - 256] = &o->data_file,
		[OPT_ACCEL - 256] = &o->accel,
		[OPT_ARCH - 256] = &o->arch,
		[OPT_QEMU - 256] = &o->qemu,
		[OPT_FW - 256] = &o->firmware,
		[OPT_FIFOS - 256] = &o->fifos,
		[OPT_FORMAT - 256] = &o->format,
		[OPT_VIRTIOFSD - 256] = &o->virtiofsd,
	};
	size_t index = (size_t)(option - 256);

	if (index < array_len(strings) && strings[index]) {
		*strings[index] = value;
		return 0;
	}
	switch (option) {
	case OPT_CPUS:
		return number("cpus", value, 1, 4096, &o->cpus, err);
	case OPT_MEM:
		return memory(o, value, err);
	case OPT_DISK:
		return add_disk(o, value, err);
	case OPT_PUBLISH:
		return add_port(o, value, err);
	default:
		return set_more(o, option, value, err);
	}
}

static int boot_kind(struct run_options *o, const struct switches *s, struct error *err)
{
	if (s->kernel + s->squashfs + s->erofs + s->iso > 1)
		return error_set(err, 0, "only one of --kernel, --squashfs, --erofs and --iso can be given");
	o->kind = s->kernel   ? BOOT_KERNEL
		: s->squashfs ? BOOT_SQUASHFS
		: s->erofs    ? BOOT_EROFS
		: s->iso      ? BOOT_ISO
			      : BOOT_ANY;
	return 0;
}

/* LinuxKit's back-ends, none of which is here, and some have options of their own: so they are looked for first. */
static int other_backend(int argc, char **argv, struct error *err)
{
	static const char *const others[] = { "aws",
					      "azure",
					      "equinixmetal",
					      "gcp",
					      "hyperkit",
					      "hyperv",
					      "openstack",
					      "packet",
					      "scaleway",
					      "vbox",
					      "vcenter",
					      "virtualization",
					      "virtualization.framework",
					      "vmware" };
	size_t i;

	for (i = 0; argc > 2 && i < array_len(others); i++)
		if (str_eq(argv[1], others[i]))
			return error_say(err, ENOTSUP, "back-end \"%s\" is not there: qemu is the only one", argv[1]);
	return 0;
}

/* [qemu] NAME: the back-end may be named, as for LinuxKit. */
static int arguments(struct run_options *o, int count, char **args, struct error *err)
{
	if (count >= 2 && str_eq(args[0], "qemu")) {
		args++;
		count--;
	}
	if (count >= 2 && other_backend(count + 1, args - 1, err) < 0)
		return -1;
	if (count < 1)
		return error_set(err, 0, "which image? `pith run NAME` boots what `pith build NAME.yml` wrote");
	if (count > 1)
		return error_set(err, 0, "one image at a time: \"%s\" is one too many", args[1]);
	o->name = args[0];
	return 0;
}

static bool networking_known(const char *mode)
{
	return str_eq(mode, "user") || str_eq(mode, "user,restrict") || str_eq(mode, "none") ||
		(str_starts(mode, "tap,") && mode[4]) || (str_starts(mode, "bridge,") && mode[7]);
}

static int check(const struct run_options *o, struct error *err)
{
	if (o->arch && !str_eq(o->arch, "x86_64") && !str_eq(o->arch, "aarch64"))
		return error_set(err, 0, "--arch %s: unknown: x86_64 or aarch64", o->arch);
	if (!networking_known(o->networking))
		return error_set(err, 0, "--networking %s: unknown: user, user,restrict, tap,NAME, bridge,NAME or none",
				 o->networking);
	if (o->data && o->data_file)
		return error_set(err, 0, "--data and --data-file: only one of them can be given");
	if (o->port_count && !str_starts(o->networking, "user"))
		return error_set(err, 0, "--publish needs --networking user");
	if (publish_check_all(o->ports, o->port_count, err) < 0)
		return -1;
	if (strv_len(o->virtiofs) > VIRTIOFS_MAX)
		return error_set(err, 0, "--virtiofs: at most %d directories can be shared", VIRTIOFS_MAX);
	if (o->virtiofsd && !o->virtiofs)
		return error_set(err, 0, "--virtiofsd serves directories: name them with --virtiofs");
	if (o->detached && o->gui)
		return error_set(err, 0, "--detached and --gui: only one of them can be given");
	return 0;
}

static void defaults(struct run_options *o)
{
	*o = (struct run_options){
		.cpus = 1,
		.memory = 1024 * MIB,
		.networking = "user",
		.accel = getenv("LINUXKIT_QEMU_ACCEL"),
		.vsock = true,
		.vsock_cid = 3,
		.stop_timeout_us = 60 * 1000000,
	};
}

static int finish(struct run_options *o, const struct switches *s, int count, char **args, struct error *err)
{
	o->detached = s->detached;
	o->gui = s->gui;
	o->usb = s->usb;
	o->uefi = s->uefi || o->firmware;
	o->no_reboot = s->no_reboot;
	o->raw_console = s->raw_console;
	o->no_sandbox = s->no_sandbox;
	o->low_memory = s->low_memory;
	if (o->help)
		return 0;
	if (!*o->networking || str_eq(o->networking, "default"))
		o->networking = "user";
	if (o->arch && str_eq(o->arch, "amd64"))
		o->arch = "x86_64";
	if (o->arch && str_eq(o->arch, "arm64"))
		o->arch = "aarch64";
	if (boot_kind(o, s, err) < 0 || arguments(o, count, args, err) < 0)
		return -1;
	return check(o, err);
}

static const char *name_of(const struct option *table, int id)
{
	while (table->name && table->val != id)
		table++;
	return table->name ? table->name : "";
}

static int set_switch(struct switches *s, int id, const char *name, const char *value, struct error *err)
{
	bool on;

	if (option_switch(name, value, &on, err) < 0)
		return -1;
	memcpy((char *)s + (id - SWITCHES), &on, sizeof on);
	return 0;
}

#define SWITCH(field) (SWITCHES + (int)offsetof(struct switches, field))

int run_options_parse(int argc, char **argv, struct run_options *out, struct error *err)
{
	struct switches s = { 0 };
	const struct option table[] = {
		{ "cpus", required_argument, NULL, OPT_CPUS },
		{ "mem", required_argument, NULL, OPT_MEM },
		{ "disk", required_argument, NULL, OPT_DISK },
		{ "publish", required_argument, NULL, OPT_PUBLISH },
		{ "networking", required_argument, NULL, OPT_NETWORKING },
		{ "state", required_argument, NULL, OPT_STATE },
		{ "data", required_argument, NULL, OPT_DATA },
		{ "data-file", required_argument, NULL, OPT_DATA_FILE },
		{ "accel", required_argument, NULL, OPT_ACCEL },
		{ "arch", required_argument, NULL, OPT_ARCH },
		{ "qemu", required_argument, NULL, OPT_QEMU },
		{ "fw", required_argument, NULL, OPT_FW },
		{ "virtiofs", required_argument, NULL, OPT_VIRTIOFS },
		{ "virtiofsd", required_argument, NULL, OPT_VIRTIOFSD },
		{ "device", required_argument, NULL, OPT_DEVICE },
		{ "vsock-ports", required_argument, NULL, OPT_VSOCK_PORTS },
		{ "vsock-cid", required_argument, NULL, OPT_VSOCK_CID },
		{ "vsock-hybrid", required_argument, NULL, OPT_VSOCK_HYBRID },
		{ "fifos", required_argument, NULL, OPT_FIFOS },
		{ "format", required_argument, NULL, OPT_FORMAT },
		{ "stop-timeout", required_argument, NULL, OPT_STOP_TIMEOUT },
		{ "detached", optional_argument, NULL, SWITCH(detached) },
		{ "gui", optional_argument, NULL, SWITCH(gui) },
		{ "usb", optional_argument, NULL, SWITCH(usb) },
		{ "uefi", optional_argument, NULL, SWITCH(uefi) },
		{ "no-reboot", optional_argument, NULL, SWITCH(no_reboot) },
		{ "raw-console", optional_argument, NULL, SWITCH(raw_console) },
		{ "no-sandbox", optional_argument, NULL, SWITCH(no_sandbox) },
		{ "low-memory", optional_argument, NULL, SWITCH(low_memory) },
		{ "kernel", optional_argument, NULL, SWITCH(kernel) },
		{ "squashfs", optional_argument, NULL, SWITCH(squashfs) },
		{ "erofs", optional_argument, NULL, SWITCH(erofs) },
		{ "iso", optional_argument, NULL, SWITCH(iso) },
		GLOBAL_OPTIONS,
		{ 0 },
	};
	int c;

	defaults(out);
	if (other_backend(argc, argv, err) < 0)
		return -1;
	optind = 0;
	while ((c = option_next(argc, argv, table, false, "pith run --help", err)) != OPTION_END) {
		if (c == OPTION_BAD)
			return -1;
		if (c == GLOBAL_HELP)
			out->help = true;
		else if (c >= SWITCHES ? set_switch(&s, c, name_of(table, c), optarg, err) < 0
				       : set(out, c, optarg, err) < 0)
			return -1;
	}
	return finish(out, &s, argc - optind, argv + optind, err);
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
