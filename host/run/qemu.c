#include "qemu.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "buf.h"
#include "qemu_img.h"
#include "str.h"

/* Collects arguments; the first failure sticks, so that one check at the end is enough. */
struct args {
	char **v;
	bool failed;
	bool scsi, usb; /* there is a controller */
	unsigned sata;  /* disks at that of the machine that has to be given one */
};

static void argument_add(struct args *a, const char *arg)
{
	if (!arg || strv_add(&a->v, arg) < 0)
		a->failed = true;
}

__attribute__((format(printf, 3, 4))) static void qemu_addf(struct args *a, const char *option, const char *fmt, ...)
{
	va_list ap;
	char *text;

	argument_add(a, option);
	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	if (strv_take(&a->v, text) < 0)
		a->failed = true;
}

/* In QEMU's option lists a comma inside a value is written twice. */
static char *value_quote(const char *s)
{
	char *out = malloc(2 * strlen(s) + 1), *p = out;

	for (; out && *s; *p++ = *s++)
		if (*s == ',')
			*p++ = ',';
	if (out)
		*p = '\0';
	return out;
}

static char *quoted_file(const char *path)
{
	_cleanup_free_ char *file = qemu_file(path);

	return file ? value_quote(file) : NULL;
}

static bool is_arm(const struct qemu_setup *s)
{
	return str_eq(s->options->arch, "aarch64");
}

/* Emulation does `rep movsb` byte by byte: without the promise that it is fast, the guest's kernel copies between user
 * memory and its own by words, which makes each stream of bytes about twice as fast. */
static const char *cpu_model(const struct qemu_setup *s)
{
	if (s->kvm)
		return "host";
	return is_arm(s) ? "max,pauth-impdef=on" : "max,-erms,-fsrm";
}

/* QEMU chooses the interrupt controller that KVM has, and for emulation the one that is fastest, which knows eight
 * processors. */
static const char *machine_model(const struct qemu_setup *s)
{
	if (!is_arm(s))
		return "q35";
	return !s->kvm && s->options->cpus > 8 ? "virt,gic-version=3" : "virt";
}

/* A kernel that panics resets the machine a second later instead of standing there, which ends `pith run`: pvpanic
 * tells QEMU sooner, where its driver is loaded by then. A panic= of the image's own comes later, and counts. */
#define PANIC "panic=1 "

/* QEMU before 8.0 leaves garbage in the flags register after cmpxchg16b, all but the zero flag that a branch would look
 * at: an interrupt that comes then saves it, restores it, and brings the guest down. Programs are still told that there
 * is such an instruction (CPUID 1, ECX bit 13); only the kernel, which uses it for each allocation, is not to.
 *
 * A kernel proves at its start that the timer interrupts, by counting ticks while it computes for a moment. On a busy
 * host the emulated timer is late, and the kernel panics ("IO-APIC + timer doesn't work"). */
static const char *kernel_options(const struct qemu_setup *s)
{
	return s->kvm || is_arm(s) ? PANIC : PANIC "clearcpuid=141 no_timer_check ";
}

/* The file system that an initramfs is unpacked into is by default one that takes no more than half of the memory. */
static const char *root_options(const struct boot *b)
{
	return b->initrd && !strstr(b->cmdline, "root=") && !strstr(b->cmdline, "rootfstype=") ? "rootfstype=ramfs "
											       : "";
}

static void machine_arguments(struct args *a, const struct qemu_setup *s)
{
	argument_add(a, s->program);
	argument_add(a, "-no-user-config");
	argument_add(a, "-nodefaults");
	/* Without a name QEMU would serve VNC where it has no window to offer, and nobody would know. */
	qemu_addf(a, "-display", s->options->gui ? "gtk" : "none");
	if (s->options->gui)
		qemu_addf(a, "-device", is_arm(s) ? "virtio-gpu-pci" : "VGA");
	qemu_addf(a, "-machine", "%s", machine_model(s));
	qemu_addf(a, "-accel", "%s", s->kvm ? "kvm" : "tcg,thread=multi");
	qemu_addf(a, "-cpu", "%s", cpu_model(s));
	qemu_addf(a, "-smp", "%llu", (unsigned long long)s->options->cpus);
	qemu_addf(a, "-m", "%lluM", (unsigned long long)(s->options->memory >> 20));
	qemu_addf(a, "-uuid", "%s", s->uuid);
	if (s->options->no_reboot)
		argument_add(a, "-no-reboot");
}

/* What QEMU does not do is not to be done by whoever gets control of it through a device. The bridge helper is a
 * program with privileges, and a window's toolkit may start programs. */
static void sandbox_arguments(struct args *a, const struct qemu_setup *s)
{
	bool bridge = qemu_has_privileges(s->options);
	const char *spawn = bridge || s->options->gui ? "allow" : "deny";

	if (!s->options->no_sandbox)
		qemu_addf(a, "-sandbox", "on,obsolete=deny,elevateprivileges=%s,spawn=%s,resourcecontrol=deny",
			  bridge ? "allow" : "deny", spawn);
}

bool qemu_has_privileges(const struct run_options *o)
{
	return str_starts(o->networking, "bridge,");
}

/* A device that is a process of its own reads and writes the guest's memory, which therefore has to be shared. */
static void memory_arguments(struct args *a, const struct qemu_setup *s)
{
	if (!s->vsock && !s->virtiofs_count)
		return;
	qemu_addf(a, "-object", "memory-backend-memfd,id=memory,size=%llu,share=on",
		  (unsigned long long)s->options->memory);
	qemu_addf(a, "-machine", "memory-backend=memory");
}

static void shared_directories(struct args *a, const struct qemu_setup *s)
{
	size_t i;

	for (i = 0; i < s->virtiofs_count; i++) {
		qemu_addf(a, "-chardev", "socket,id=virtiofs%zu,fd=%d", i, s->virtiofs_fd + (int)i);
		qemu_addf(a, "-device", "vhost-user-fs-pci,chardev=virtiofs%zu,tag=virtiofs%zu", i, i);
	}
}

static void tpm_arguments(struct args *a, const struct qemu_setup *s)
{
	qemu_addf(a, "-chardev", "socket,id=tpm,fd=%d", QEMU_TPM_FD);
	qemu_addf(a, "-tpmdev", "emulator,id=tpm0,chardev=tpm");
	qemu_addf(a, "-device", "%s,tpmdev=tpm0", is_arm(s) ? "tpm-tis-device" : "tpm-crb");
}

/* Our end of the console is a pair of pipes on 0 and 1; signals belong to the machine's owner, not to QEMU. */
static void console_arguments(struct args *a)
{
	qemu_addf(a, "-chardev", "stdio,id=console,signal=off");
	qemu_addf(a, "-serial", "chardev:console");
	qemu_addf(a, "-chardev", "socket,id=qmp,fd=%d", QEMU_QMP_FD);
	qemu_addf(a, "-mon", "chardev=qmp,mode=control");
}

static void devices_arguments(struct args *a)
{
	qemu_addf(a, "-object", "rng-random,id=rng0,filename=/dev/urandom");
	qemu_addf(a, "-device", "virtio-rng-pci,rng=rng0");
	qemu_addf(a, "-device", "virtio-balloon-pci,free-page-reporting=on,deflate-on-oom=on");
	qemu_addf(a, "-device", "pvpanic-pci");
}

/* Each is added where the first device needs it. */
static void scsi_arguments(struct args *a)
{
	if (!a->scsi)
		qemu_addf(a, "-device", "virtio-scsi-pci,id=scsi0");
	a->scsi = true;
}

static void usb_arguments(struct args *a)
{
	if (!a->usb)
		qemu_addf(a, "-device", "qemu-xhci,id=usb");
	a->usb = true;
}

static void bus_arguments(struct args *a, enum disk_bus bus)
{
	if (bus == DISK_SCSI)
		scsi_arguments(a);
	else if (bus == DISK_USB)
		usb_arguments(a);
}

/* q35 has a controller of its own. */
static void sata_arguments(struct args *a, const struct qemu_setup *s, char *bus, size_t size)
{
	*bus = '\0';
	if (!is_arm(s))
		return;
	if (a->sata == 0)
		qemu_addf(a, "-device", "ich9-ahci,id=sata");
	snprintf(bus, size, ",bus=sata.%u", a->sata++);
}

struct drive {
	const char *path, *format;
	const char *more; /* of the device */
	enum disk_bus bus;
	bool readonly;
};

static void drive_arguments(struct args *a, const struct qemu_setup *s, unsigned index, const struct drive *d)
{
	static const char *const devices[] = {
		[DISK_AUTO] = "virtio-blk-pci", [DISK_VIRTIO] = "virtio-blk-pci",
		[DISK_SATA] = "ide-hd",         [DISK_SCSI] = "scsi-hd,bus=scsi0.0",
		[DISK_NVME] = "nvme",           [DISK_USB] = "usb-storage,bus=usb.0",
	};
	_cleanup_free_ char *file = quoted_file(d->path);
	char sata[24] = "";

	if (!file) {
		a->failed = true;
		return;
	}
	bus_arguments(a, d->bus);
	if (d->bus == DISK_SATA)
		sata_arguments(a, s, sata, sizeof(sata));
	qemu_addf(a, "-drive", "if=none,id=disk%u,file=%s,format=%s,readonly=%s,discard=unmap", index, file, d->format,
		  d->readonly ? "on" : "off");
	qemu_addf(a, "-device", "%s%s,drive=disk%u%s%s", devices[d->bus], sata, index,
		  d->bus == DISK_NVME ? ",serial=pith" : "", d->more);
}

/* bus: scsi, sata or usb. */
static void cdrom_arguments(struct args *a, const struct qemu_setup *s, unsigned index, const char *path,
			    enum disk_bus bus, const char *more)
{
	const char *device = bus == DISK_SATA ? "ide-cd"
		: bus == DISK_USB             ? "usb-storage,bus=usb.0"
					      : "scsi-cd,bus=scsi0.0";
	_cleanup_free_ char *file = quoted_file(path);
	char sata[24] = "";

	if (!file) {
		a->failed = true;
		return;
	}
	bus_arguments(a, bus == DISK_AUTO ? DISK_SCSI : bus);
	if (bus == DISK_SATA)
		sata_arguments(a, s, sata, sizeof(sata));
	qemu_addf(a, "-drive", "if=none,id=cd%u,file=%s,format=raw,readonly=on,media=cdrom", index, file);
	qemu_addf(a, "-device", "%s%s,drive=cd%u%s", device, sata, index, more);
}

/* The image's own disk comes first: it is /dev/vda of the guest. */
static void storage_arguments(struct args *a, const struct qemu_setup *s)
{
	const struct run_options *o = s->options;
	unsigned disks = 0, cds = 0;
	size_t i;

	if (s->boot->kind == BOOT_ISO)
		cdrom_arguments(a, s, cds++, s->boot->root, o->bus, ",bootindex=0");
	else if (s->boot->kind == BOOT_DISK)
		drive_arguments(a, s, disks++,
				&(struct drive){ s->boot->root, s->root_format, ",bootindex=0", o->bus, false });
	else if (s->boot->root)
		drive_arguments(a, s, disks++, &(struct drive){ s->boot->root, "raw", "", DISK_AUTO, true });
	for (i = 0; i < o->disk_count; i++) {
		const struct disk *d = &o->disks[i];

		drive_arguments(a, s, disks++, &(struct drive){ d->path, d->format, "", d->bus, d->readonly });
	}
	if (s->metadata)
		cdrom_arguments(a, s, cds++, s->metadata, DISK_SCSI, "");
}

static void kernel_arguments(struct args *a, const struct qemu_setup *s)
{
	if (s->firmware) {
		_cleanup_free_ char *code = quoted_file(s->firmware),
				    *vars = quoted_file(s->firmware_vars ? s->firmware_vars : "");

		if (!code || !vars)
			a->failed = true;
		qemu_addf(a, "-drive", "if=pflash,unit=0,format=raw,readonly=on,file=%s", code);
		if (s->firmware_vars)
			qemu_addf(a, "-drive", "if=pflash,unit=1,format=raw,file=%s", vars);
	}
	if (!s->boot->kernel)
		return;
	qemu_addf(a, "-kernel", "%s", s->boot->kernel);
	if (s->boot->initrd)
		qemu_addf(a, "-initrd", "%s", s->boot->initrd);
	qemu_addf(a, "-append", "%s%s%s", kernel_options(s), root_options(s->boot), s->boot->cmdline);
}

static void user_network(struct args *a, const struct run_options *o)
{
	_cleanup_buf_ struct buf text = { 0 };
	size_t i;
	int failed = buf_addstr(&text, "user,id=net0");

	if (str_eq(o->networking, "user,restrict"))
		failed |= buf_addstr(&text, ",restrict=on");
	if (o->ip) {
		int net = (int)(strrchr(o->ip, '.') - o->ip);

		failed |= buf_addf(&text, ",net=%.*s.0/24,host=%.*s.1,dns=%.*s.2,dhcpstart=%s", net, o->ip, net, o->ip,
				   net, o->ip, o->ip);
	}
	for (i = 0; !o->forward && i < o->port_count; i++)
		failed |= buf_addf(&text, ",hostfwd=%s:%s:%u-:%u", o->ports[i].udp ? "udp" : "tcp",
				   publish_address(&o->ports[i]), o->ports[i].host, o->ports[i].guest);
	if (failed)
		a->failed = true;
	qemu_addf(a, "-netdev", "%s", buf_text(&text));
}

/* The mode was checked with the options. */
static void network_arguments(struct args *a, const struct qemu_setup *s)
{
	const char *mode = s->options->networking, *comma = strchr(mode, ',');
	_cleanup_free_ char *device = value_quote(comma ? comma + 1 : "");

	if (str_eq(mode, "none"))
		return;
	if (!device)
		a->failed = true;
	else if (str_eq(mode, "user") || str_eq(mode, "user,restrict") || str_eq(mode, "vpnkit"))
		user_network(a, s->options);
	else if (str_starts(mode, "tap,"))
		qemu_addf(a, "-netdev", "tap,id=net0,ifname=%s,script=no,downscript=no", device);
	else
		qemu_addf(a, "-netdev", "bridge,id=net0,br=%s", device);
	/* Without its boot ROM the firmware is done sooner; a kernel given to QEMU is never loaded from the net. */
	qemu_addf(a, "-device", "virtio-net-pci,netdev=net0,mac=%s%s", s->mac, s->boot->kernel ? ",romfile=" : "");
}

char **qemu_command(const struct qemu_setup *s, struct error *err)
{
	struct args a = { 0 };
	size_t i;

	machine_arguments(&a, s);
	sandbox_arguments(&a, s);
	memory_arguments(&a, s);
	console_arguments(&a);
	devices_arguments(&a);
	storage_arguments(&a, s);
	kernel_arguments(&a, s);
	network_arguments(&a, s);
	if (s->options->usb)
		usb_arguments(&a);
	for (i = 0; s->options->devices && s->options->devices[i]; i++)
		qemu_addf(&a, "-device", "%s", s->options->devices[i]);
	for (i = 0; s->vsock && s->vsock[i]; i++)
		argument_add(&a, s->vsock[i]);
	shared_directories(&a, s);
	if (s->tpm)
		tpm_arguments(&a, s);
	if (a.failed) {
		strv_free(a.v);
		error_set(err, ENOMEM, "QEMU's command line");
		return NULL;
	}
	return a.v;
}
