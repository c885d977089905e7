/* `pith run` up to the start of QEMU: options, disks, ports, QEMU's control protocol, keys, the metadata image. */
#include <stdlib.h>
#include <unistd.h>

#include "boot.h"
#include "console.h"
#include "disk.h"
#include "iso9660.h"
#include "kernel_arch.h"
#include "kernel_file.h"
#include "options.h"
#include "publish.h"
#include "qmp.h"
#include "str.h"
#include "tap.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

/* --- disks and ports ------------------------------------------------------------------------------------------- */

static void disks(void)
{
	static const struct {
		const char *text, *path, *format;
		uint64_t size;
		enum disk_bus bus;
	} good[] = {
		{ "data.img", "data.img", NULL, 0, DISK_AUTO },
		{ "file=a=b.img", "a=b.img", NULL, 0, DISK_AUTO },
		{ "a.img,size=3", "a.img", NULL, 3 * GIB, DISK_AUTO },
		{ "size=512M", NULL, NULL, 512 * MIB, DISK_AUTO },
		{ "file=a.img,size=1G,format=raw,bus=sata", "a.img", "raw", GIB, DISK_SATA },
		{ "a.img,bus=virtio", "a.img", NULL, 0, DISK_VIRTIO },
		{ "a.img,bus=nvme", "a.img", NULL, 0, DISK_NVME },
		{ "a.img,bus=usb", "a.img", NULL, 0, DISK_USB },
		{ "a.img,b.img", "b.img", NULL, 0, DISK_AUTO },
		{ ",,a.img,", "a.img", NULL, 0, DISK_AUTO },
	};
	static const char *const bad[] = {
		"",
		",",
		"format=raw",
		"a.img,size=",
		"a.img,size=0",
		"size=-1",
		"size=9999999T",
		"size=18446744073709551616",
		"a.img,bus=ide",
		"a.img,bus=auto",
		"a.img,colour=red",
		"=x",
		"size=1.5G",
	};
	size_t i;

	for (i = 0; i < array_len(good); i++) {
		struct disk d;
		struct error err = { 0 };

		ok(disk_parse(good[i].text, &d, &err) == 0, "--disk %s is taken", good[i].text);
		ok_str(d.path, good[i].path, "its path");
		ok_str(d.format, good[i].format, "its format");
		ok(d.size == good[i].size && d.bus == good[i].bus, "its size and bus");
		disk_clear(&d);
		error_clear(&err);
	}
	for (i = 0; i < array_len(bad); i++) {
		struct disk d;
		struct error err = { 0 };

		ok(disk_parse(bad[i], &d, &err) < 0 && err.msg && str_starts(err.msg, "--disk "),
		   "--disk \"%s\" is refused by name", bad[i]);
		disk_clear(&d);
		error_clear(&err);
	}
}

static void ports(void)
{
	static const struct {
		const char *text, *address;
		uint16_t host, guest;
		bool udp;
	} good[] = {
		{ "8080:80", "", 8080, 80, false },
		{ "1:65535/udp", "", 1, 65535, true },
		{ "53:53/UDP", "", 53, 53, true },
		{ "127.0.0.1:8080:80/tcp", "127.0.0.1", 8080, 80, false },
	};
	static const char *const bad[] = {
		"",          "80",       ":80",    "80:",        "0:80",         "80:0",
		"65536:80",  "80:65536", "a:80",   "80:80/icmp", "80:80/",       "x:80:80",
		"::1:80:80", "-1:80",    " 80:80", "80:80 ",     "127.0.0.1:80", "80:80/tcp/udp",
	};
	size_t i;

	for (i = 0; i < array_len(good); i++) {
		struct publish p;
		struct error err = { 0 };

		ok(publish_parse(good[i].text, &p, &err) == 0 && p.host == good[i].host && p.guest == good[i].guest &&
			   p.udp == good[i].udp,
		   "--publish %s is taken", good[i].text);
		ok_str(p.address, good[i].address, "its address");
		ok_str(publish_address(&p), "127.0.0.1", "which is the host's own, unless another was said");
		error_clear(&err);
	}
	for (i = 0; i < array_len(bad); i++) {
		struct publish p;
		struct error err = { 0 };

		ok(publish_parse(bad[i], &p, &err) < 0 && strstr(err.msg, "as in 8080:80"),
		   "--publish \"%s\" is refused", bad[i]);
		error_clear(&err);
	}
}

/* --- options ---------------------------------------------------------------------------------------------------- */

/* Splits at blanks; argv[0] is "run". */
static int parse(const char *line, struct run_options *o, struct error *err, char ***kept)
{
	_cleanup_free_ char *all = str_format("run %s", line);

	static const struct command c = { .name = "run", .options = run_table };
	static char *argv[64]; /* the words move in it */

	*kept = strv_split(all, " ");
	memcpy(argv, *kept, (strv_len(*kept) + 1) * sizeof(*argv));
	return run_options_parse(&c, argv, o, err);
}

static void options(void)
{
	static const char *const bad[] = {
		"",
		"a b",
		"--no-such a",
		"--mem",
		"--mem 15 a",
		"--mem 3Q a",
		"--mem 99999999T a",
		"--cpus 0 a",
		"--cpus 4097 a",
		"--cpus x a",
		"--kernel --iso a",
		"--arch vax a",
		"--networking tap a",
		"--networking bridge, a",
		"--publish 1:1 --networking tap,t a",
		"--networking user,restricted a",
		"--data x --data-file y a",
		"--detached --gui a",
		"--vsock-cid 2 a",
		"--stop-timeout -1 a",
		"--virtiofsd /x a",
		"--virtiofs 1 --virtiofs 2 --virtiofs 3 --virtiofs 4 --virtiofs 5 --virtiofs 6 --virtiofs 7 --virtiofs "
		"8 "
		"--virtiofs 9 a",
		"vbox a",
	};
	struct run_options o;
	struct error err = { 0 };
	char **kept;
	size_t i;

	ok(parse("hello", &o, &err, &kept) == 0, "a name is enough");
	ok(o.cpus == 1 && o.memory == 1024 * MIB && str_eq(o.networking, "user") && !o.arch && o.kind == BOOT_ANY &&
		   str_eq(o.name, "hello") && o.vsock,
	   "the defaults are those of the help");
	run_options_clear(&o);
	strv_free(kept);
	ok(parse("qemu -cpus=2 -mem 2G --disk a,size=1 --disk b --publish 1:2 -arch arm64 --squashfs --virtiofs d "
		 "--vsock-ports 5 --no-reboot -d --networking default --stop-timeout 3 x",
		 &o, &err, &kept) == 0,
	   "one dash or two, a value after = or as the next word");
	ok(o.cpus == 2 && o.memory == 2048 * MIB && o.disk_count == 2 && o.port_count == 1 &&
		   str_eq(o.arch, "aarch64") && o.kind == BOOT_SQUASHFS && strv_len(o.virtiofs) == 1 && o.vsock &&
		   o.no_reboot && o.detached && str_eq(o.networking, "user") && o.stop_timeout == 3,
	   "each option is where it belongs");
	run_options_clear(&o);
	strv_free(kept);
	for (i = 0; i < array_len(bad); i++) {
		ok(parse(bad[i], &o, &err, &kept) < 0 && err.msg && *err.msg, "refused: run %s", bad[i]);
		run_options_clear(&o);
		error_clear(&err);
		strv_free(kept);
	}
}

/* The command lines of LinuxKit's documents of its back-ends, and their options. */
static void backends(void)
{
	static const struct {
		const char *line, *networking, *ip;
		enum boot_kind kind;
		bool forward, raw, uefi;
	} good[] = {
		{ "qemu x", "user", NULL, BOOT_ANY },
		{ "qemu -iso x", "user", NULL, BOOT_ISO },
		{ "qemu -iso -uefi x", "user", NULL, BOOT_ISO, .uefi = true },
		{ "qemu -iso -uefi -fw ovmf.bin x", "user", NULL, BOOT_ISO, .uefi = true },
		{ "qemu -publish 8080:80 x", "user" },
		{ "qemu -networking bridge,br0 x", "bridge,br0" },
		{ "qemu -arch aarch64 -gui -data d x", "user" },
		{ "qemu -disk size=1G -disk d x", "user" },
		{ "-publish 2222:22/tcp x", "user" },
		{ "-networking docker-for-mac -publish 2222:22/tcp x", "user" },
		{ "-networking vpnkit -publish 2222:22/tcp x", "vpnkit", .forward = true },
		{ "hyperkit x", "user", "192.168.65.3" },
		{ "hyperkit -vsock-ports 2374 x", "user", "192.168.65.3" },
		{ "hyperkit -ip 192.168.65.10 x", "user", "192.168.65.10" },
		{ "hyperkit -networking docker-for-mac -publish 2222:22/tcp x", "user", "192.168.65.3" },
		{ "hyperkit -networking vpnkit -publish 2222:22/tcp x", "vpnkit", "192.168.65.3", .forward = true },
		{ "hyperkit -networking vmnet x", "user", "192.168.65.3" },
		{ "hyperkit -networking none x", "none" },
		{ "hyperkit -hyperkit /h -vpnkit /v -vpnkit-uuid u -console-file x", "user", "192.168.65.3" },
		{ "hyperkit -squashfs -disk size=1G -disk d,size=2 x", "user", "192.168.65.3", BOOT_SQUASHFS,
		  .raw = true },
		{ "hyperkit --iso --uefi -data-file d x", "user", "192.168.65.3", BOOT_ISO, .uefi = true },
		{ "-cpus 2 -mem 512 hyperkit -kernel x", "user", "192.168.65.3", BOOT_KERNEL },
		{ "virtualization x", "user", "192.168.65.3" },
		{ "virtualization -networking default -kernel -virtiofs d x", "user", "192.168.65.3", BOOT_KERNEL },
		{ "virtualization -networking vmnet -disk size=1G x", "user", "192.168.65.3", .raw = true },
		{ "virtualization -publish 2222:22/tcp x", "vpnkit", "192.168.65.3", .forward = true },
		{ "virtualization.framework -vsock-ports 2374 x", "user", "192.168.65.3" },
		{ "virtualization -ip 10.1.2.3 -data d x", "user", "10.1.2.3" },
	};
	static const struct {
		const char *line, *want;
	} bad[] = {
		{ "qemu -networking docker-for-mac x", "unknown: user, user,restrict, vpnkit" },
		{ "hyperkit -networking vpnkit,/eth,/port x", "a vpnkit of the host's is not there" },
		{ "hyperkit -networking slirp x", "unknown" },
		{ "-hyperkit /h x", "--hyperkit is for `pith run hyperkit`" },
		{ "virtualization -vpnkit-uuid u x", "--vpnkit-uuid is for `pith run hyperkit`" },
		{ "hyperkit -ip 1.2.3 x", "no IPv4 address" },
		{ "hyperkit -ip 192.168.65.2 x", "a guest has .3 to .254" },
		{ "hyperkit -ip 127.0.0.9 x", "no guest can have" },
		{ "-networking none -ip 10.1.2.3 x", "--ip is for --networking user and vpnkit" },
		{ "hyperv x", "qemu is the only one" },
	};
	struct run_options o;
	struct error err = { 0 };
	char **kept;
	size_t i;

	for (i = 0; i < array_len(good); i++) {
		ok(parse(good[i].line, &o, &err, &kept) == 0 && str_eq(o.name, "x"), "run %s", good[i].line);
		ok_str(o.networking, good[i].networking, "its network");
		ok_str(o.ip, good[i].ip, "the guest's address");
		ok(o.forward == good[i].forward && o.kind == good[i].kind && o.uefi == good[i].uefi &&
			   (o.disk_count == 0 || o.disks[0].raw == good[i].raw),
		   "how its ports are published, what it boots, and its disks");
		run_options_clear(&o);
		error_clear(&err);
		strv_free(kept);
	}
	for (i = 0; i < array_len(bad); i++) {
		ok(parse(bad[i].line, &o, &err, &kept) < 0 && strstr(error_text(&err), bad[i].want), "refused: run %s",
		   bad[i].line);
		run_options_clear(&o);
		error_clear(&err);
		strv_free(kept);
	}
}

/* --- QEMU's control protocol ------------------------------------------------------------------------------------ */

static void qmp(void)
{
	static const struct {
		const char *line;
		enum qmp_kind kind;
		const char *name, *text;
	} good[] = {
		{ "{\"QMP\": {\"version\": {}, \"capabilities\": []}}", QMP_GREETING, "", "" },
		{ "{\"return\": {}}", QMP_RETURN, "", "" },
		{ "{\"error\": {\"class\": \"GenericError\", \"desc\": \"no\"}}", QMP_ERROR, "GenericError", "no" },
		{ "{\"event\": \"SHUTDOWN\", \"data\": {\"guest\": true, \"reason\": \"guest-shutdown\"}}", QMP_EVENT,
		  "SHUTDOWN", "guest-shutdown" },
		{ "{\"event\": \"GUEST_PANICKED\", \"data\": {\"action\": \"pause\"}}", QMP_EVENT, "GUEST_PANICKED",
		  "pause" },
		{ "{\"event\": \"RESUME\"}", QMP_EVENT, "RESUME", "" },
		{ "{\"event\": 1}", QMP_OTHER, "", "" },
		{ "{\"error\": []}", QMP_ERROR, "", "" },
		{ "{}", QMP_OTHER, "", "" },
	};
	static const char *const bad[] = { "", "[]", "1", "{", "{\"a\":1,\"a\":2}", "{\"a\":1} x", "\xff" };
	_cleanup_buf_ struct buf received = { 0 };
	struct qmp_message m;
	size_t i;

	for (i = 0; i < array_len(good); i++) {
		ok(qmp_parse(good[i].line, strlen(good[i].line), &m, NULL) == 0 && m.kind == good[i].kind, "%s",
		   good[i].line);
		ok_str(m.name, good[i].name, "its name");
		ok_str(m.text, good[i].text, "its text");
	}
	for (i = 0; i < array_len(bad); i++)
		ok(qmp_parse(bad[i], strlen(bad[i]), &m, NULL) < 0, "no QMP: %s", bad[i]);

	buf_addstr(&received, "{\"return\": {}}\r\n{\"event\":");
	ok(qmp_next(&received, &m, NULL) == 1 && m.kind == QMP_RETURN, "a whole line is taken");
	ok(qmp_next(&received, &m, NULL) == 0, "half a line waits");
	buf_addstr(&received, "\"STOP\"}\n");
	ok(qmp_next(&received, &m, NULL) == 1 && str_eq(m.name, "STOP") && received.len == 0, "until its end is there");
	for (i = 0; i < QMP_LINE_MAX; i++)
		buf_addstr(&received, " ");
	ok(qmp_next(&received, &m, NULL) < 0, "a line without end is refused");
}

/* --- keys, kernels, the metadata image ---------------------------------------------------------------------------- */

static void keys(void)
{
	static const struct {
		const char *typed;
		bool raw;
		const char *left;
		enum console_key key;
	} rows[] = {
		{ "abc", false, "abc", CONSOLE_NONE },      { "a\003b", false, "ab", CONSOLE_POWER_DOWN },
		{ "a\003b", true, "a\003b", CONSOLE_NONE }, { "\001c", false, "\003", CONSOLE_NONE },
		{ "\001x", true, "", CONSOLE_STOP },        { "\001\001", false, "\001", CONSOLE_NONE },
		{ "\001q", false, "q", CONSOLE_NONE },
	};
	size_t i, split;

	for (i = 0; i < array_len(rows); i++)
		for (split = 0; split <= strlen(rows[i].typed); split++) {
			struct console c = { .terminal = true, .raw_keys = rows[i].raw };
			enum console_key first, second;
			char bytes[16] = "", left[16] = "";
			size_t n = strlen(rows[i].typed), a, b;

			memcpy(bytes, rows[i].typed, n);
			a = console_keys(&c, (uint8_t *)bytes, split, &first);
			memcpy(left, bytes, a);
			b = console_keys(&c, (uint8_t *)bytes + split, n - split, &second);
			memcpy(left + a, bytes + split, b);
			ok(a + b == strlen(rows[i].left) && memcmp(left, rows[i].left, a + b) == 0 &&
				   (first == rows[i].key || second == rows[i].key),
			   "keys %zu, in two reads after %zu", i, split);
		}
}

static void kernels(void)
{
	uint8_t head[KERNEL_ARCH_HEAD] = { 0 };

	ok(!kernel_arch_find(head, sizeof(head)), "a file that says nothing");
	memcpy(head + 56, "ARM\x64", 4);
	ok_str(kernel_arch_find(head, 60), "aarch64", "arm64's Image");
	ok(!kernel_arch_find(head, 59), "one that is cut off");
	memcpy(head + 0x202, "HdrS", 4);
	ok_str(kernel_arch_find(head, sizeof(head)), "x86_64", "a bzImage");
	ok_str(kernel_arch_find(head, sizeof(head) - 1), "aarch64", "one that is cut off");
}

static void iso(void)
{
	static const size_t sizes[] = { 0, 1, 2047, 2048, 2049, 100000 };
	_cleanup_free_ char *data = malloc(100000);
	size_t i;

	memset(data, 'x', 100000);
	for (i = 0; i < array_len(sizes); i++) {
		_cleanup_buf_ struct buf a = { 0 }, b = { 0 };

		ok(iso9660_make("V", "config", data, sizes[i], &a, NULL) == 0 &&
			   a.len == 21 * 2048 + (sizes[i] + 2047) / 2048 * 2048,
		   "an image of %zu bytes is whole sectors", sizes[i]);
		ok(memcmp(buf_bytes(&a) + 21 * 2048, data, sizes[i]) == 0, "with the data in it");
		iso9660_make("V", "config", data, sizes[i], &b, NULL);
		ok(a.len == b.len && memcmp(buf_bytes(&a), buf_bytes(&b), a.len) == 0, "and the same again");
	}
	for (i = 0; i < 4; i++) {
		static const char *const names[] = { "Config", "con fig", "toolonganame", "a.b" };
		_cleanup_buf_ struct buf image = { 0 };

		ok(iso9660_make("V", names[i], data, 1, &image, NULL) < 0 && image.len == 0, "no file is called %s",
		   names[i]);
	}
}

static void le(uint8_t *p, uint64_t v, int n)
{
	for (; n--; v >>= 8)
		*p++ = (uint8_t)v;
}

/* A kernel's headers at `full` bytes are fine, one less is not. */
static void kernel_row(const char *what, const uint8_t *head, size_t n, uint64_t full)
{
	_cleanup_error_ struct error err = { 0 };

	ok(kernel_file_check(head, n, full, &err) == 0, "%s: whole", what);
	ok(kernel_file_check(head, n, full - 1, &err) < 0 && strstr(error_text(&err), "the kernel is cut"), "%s: cut",
	   what);
}

static void kernel_files(void)
{
	static const char *const none[] = { "", "text", "#!/bin/sh\n", "MZ", "QFI\xfb" };
	uint8_t head[2048] = { 0 };
	struct error err = { 0 };

	for (size_t i = 0; i < array_len(none); i++) {
		ok(kernel_file_check((const uint8_t *)none[i], strlen(none[i]), 4096, &err) < 0 &&
			   strstr(err.msg, "no kernel"),
		   "no kernel: \"%s\"", none[i]);
		error_clear(&err);
	}
	memcpy(head + 0x202, "HdrS", 4);
	head[0x1f1] = 27;
	le(head + 0x1f4, 1000, 4);
	kernel_row("bzImage", head, sizeof(head), 28 * 512 + 16000);
	le(head + 0x3c, 0x400, 4);
	memcpy(head + 0x400, "PE\0\0", 4);
	le(head + 0x406, 2, 2);
	le(head + 0x414, 16, 2);
	le(head + 0x418 + 16 + 16, 512, 4);
	le(head + 0x418 + 16 + 20, 1024, 4);
	le(head + 0x418 + 56 + 16, 100000, 4);
	le(head + 0x418 + 56 + 20, 4096, 4);
	kernel_row("bzImage with EFI's header", head, sizeof(head), 104096);
	memset(head + 0x1f0, 0, 32);
	memcpy(head + 0x38, "ARM\x64", 4);
	kernel_row("arm64's Image", head, sizeof(head), 104096);
	le(head + 0x406, 65535, 2);
	le(head + 0x3c, UINT32_MAX, 4);
	ok(kernel_file_check(head, sizeof(head), 1, &err) == 0, "headers that lead nowhere say nothing");
	memset(head, 0, sizeof(head));
	memcpy(head, "MZ\0\0zimg", 8);
	le(head + 8, 1000, 4);
	le(head + 12, 5000, 4);
	kernel_row("EFI zboot", head, sizeof(head), 6000);
	memset(head, 0, sizeof(head));
	memcpy(head, "\177ELF\2\1", 6);
	le(head + 32, 64, 8);
	le(head + 56, 1, 2);
	le(head + 64, 1, 4);
	le(head + 64 + 8, 4096, 8);
	le(head + 64 + 32, 10000, 8);
	kernel_row("ELF", head, sizeof(head), 14096);
	le(head + 64 + 32, UINT64_MAX, 8);
	ok(kernel_file_check(head, sizeof(head), 1, &err) == 0, "a length beyond all numbers says nothing");
}

int main(void)
{
	unsetenv("LINUXKIT_QEMU_ACCEL");
	disks();
	ports();
	options();
	backends();
	qmp();
	keys();
	kernels();
	iso();
	kernel_files();
	return tap_done();
}
