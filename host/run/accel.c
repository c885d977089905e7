#include "accel.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "io.h"
#include "log.h"
#include "paths.h"
#include "probe_rom.h"
#include "spawn.h"
#include "str.h"

/* QEMU starts in a tenth of a second and the guest ends at once; a loaded machine gets twenty times that. */
#define PROBE_US 2500000

bool accel_probe(const char *qemu, const char *accelerator)
{
	_cleanup_free_ char *machine = str_format("q35,accel=%s", accelerator);
	_cleanup_free_ char *device = str_format("isa-debug-exit,iobase=0x%x,iosize=4", PROBE_PORT);
	_cleanup_close_ int rom = memfd_create("probe", MFD_CLOEXEC);
	char *argv[] = { (char *)qemu,
			 (char *)"-machine",
			 machine,
			 (char *)"-cpu",
			 (char *)"max",
			 (char *)"-m",
			 (char *)"16",
			 (char *)"-bios",
			 (char *)"/dev/fd/3",
			 (char *)"-device",
			 device,
			 (char *)"-nodefaults",
			 (char *)"-display",
			 (char *)"none",
			 (char *)"-serial",
			 (char *)"none",
			 (char *)"-monitor",
			 (char *)"none",
			 (char *)"-no-user-config",
			 NULL };
	struct spawn_fd fds[] = { { rom, 3 } };
	struct spawn s = { .path = qemu, .argv = argv, .fds = fds, .fd_count = 1, .new_group = true };
	_cleanup_(buf_free) struct buf output = { 0 };
	_cleanup_error_ struct error err = { 0 };
	int status;

	if (!machine || !device || rom < 0 || io_write(rom, probe_rom(), PROBE_SIZE) < 0)
		return false;
	status = spawn_wait(&s, &output, 4096, PROBE_US, &err);
	log_debug("a tiny guest with %s: %s", accelerator, status < 0 ? error_text(&err) : spawn_status_text(status));
	return status >= 0 && spawn_status_code(status) == PROBE_STATUS;
}

/* What a verdict holds for: this boot of the host, and this file of QEMU. */
static char *verdict_key(const char *qemu)
{
	_cleanup_free_ char *boot = file_line("/proc/sys/kernel/random/boot_id", NULL);
	struct stat st;

	if (!boot || stat(qemu, &st) < 0)
		return NULL;
	return str_format("%s %llu %lld ", boot, (unsigned long long)st.st_ino, (long long)st.st_mtim.tv_sec);
}

/* 1 or 0 as it was found before, -1 where nothing is known. */
static int verdict_load(const char *path, const char *key)
{
	_cleanup_free_ char *line = file_line(path, NULL);

	if (!line || !str_starts(line, key))
		return -1;
	return str_eq(line + strlen(key), "yes") ? 1 : str_eq(line + strlen(key), "no") ? 0 : -1;
}

static bool probe_verdict(const char *qemu)
{
	_cleanup_free_ char *path = path_cache("kvm", NULL), *key = verdict_key(qemu), *line = NULL;
	_cleanup_error_ struct error err = { 0 };
	int known = path && key ? verdict_load(path, key) : -1;
	bool works;

	if (known >= 0)
		return known;
	works = accel_probe(qemu, "kvm");
	line = path && key ? str_format("%s%s\n", key, works ? "yes" : "no") : NULL;
	if (line && file_write(path, line, strlen(line), 0644, &err) < 0)
		log_debug("the verdict about KVM is not kept: %s", error_text(&err));
	return works;
}

static void accel_find(const char *arch, const char *qemu, struct accel *out)
{
	struct utsname host;

	if (uname(&host) < 0 || !str_eq(host.machine, arch)) {
		out->why = str_eq(arch, "aarch64") ? "the image is for aarch64, and this machine is not"
						   : "the image is for x86_64, and this machine is not";
		return;
	}
	if (access("/dev/kvm", F_OK) < 0) {
		out->why = "there is no /dev/kvm here";
		return;
	}
	if (access("/dev/kvm", R_OK | W_OK) < 0) {
		out->why = "/dev/kvm may not be opened by this user; membership of the group kvm allows it";
		return;
	}
	/* Without a guest of our own for it, the device is believed. */
	out->kvm = !probe_rom() || probe_verdict(qemu);
	if (!out->kvm)
		out->why = "/dev/kvm is there, but a tiny guest did not run under it (--accel kvm insists)";
}

int accel_choose(const char *asked, const char *arch, const char *qemu, struct accel *out, struct error *err)
{
	*out = (struct accel){ 0 };
	if (!asked || !*asked || str_eq(asked, "auto") || str_eq(asked, "kvm:tcg"))
		accel_find(arch, qemu, out);
	else if (str_eq(asked, "kvm"))
		out->kvm = true;
	else if (!str_eq(asked, "tcg"))
		return error_set(err, 0, "--accel %s: unknown: auto, kvm or tcg", asked);
	return 0;
}
