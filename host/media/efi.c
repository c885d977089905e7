/* Disks for UEFI: kernel, initrd and command line are one EFI program, which systemd-boot or the firmware starts. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io.h"
#include "media_private.h"
#include "str.h"
#include "stream.h"
#include "tool.h"
#include "uki.h"

enum { PARTITION = MIB, STUB_MAX = 4 * MIB };

/* What systemd-boot shows of it, and without which it would not take it for an operating system. It is always the same:
 * systems are ordered by it first, and by their names where it does not differ, which a disk with two relies on. */
static const char os_release[] = "ID=linuxkit\nNAME=LinuxKit\nPRETTY_NAME=LinuxKit\nVERSION_ID=1\n";
static const char loader_conf[] = "timeout 0\n";

static const struct efi_arch arches[] = {
	{ "amd64", "/usr/lib/systemd/boot/efi/linuxx64.efi.stub", "/usr/lib/systemd/boot/efi/systemd-bootx64.efi",
	  "/EFI/BOOT/BOOTX64.EFI" },
	{ "arm64", "/usr/lib/systemd/boot/efi/linuxaa64.efi.stub", "/usr/lib/systemd/boot/efi/systemd-bootaa64.efi",
	  "/EFI/BOOT/BOOTAA64.EFI" },
};

const struct efi_arch *efi_arch_find(const char *arch, struct error *err)
{
	for (size_t i = 0; i < array_len(arches); i++)
		if (str_eq(arches[i].arch, arch))
			return &arches[i];
	error_say(err, ENOTSUP, "no EFI boot loader for %s is known", arch);
	return NULL;
}

struct content {
	const char *path; /* NULL: text */
	const char *text;
};

static int file_put(int fd, const char *path, uint64_t size, struct error *err)
{
	_cleanup_stream_ struct stream *s = stream_from_file(path, err);
	uint64_t n = 0;

	if (!s || stream_copy(s, fd, &n, err) < 0)
		return -1;
	return n == size ? 0 : error_say(err, EIO, "%s changed while it was read", path);
}

static int uki_content(int fd, const struct uki_section *s, const struct content *c, struct error *err)
{
	if (lseek(fd, (off_t)s->at, SEEK_SET) < 0)
		return error_set(err, errno, "unified kernel image");
	if (c->path)
		return file_put(fd, c->path, s->size, err);
	return io_write(fd, c->text, s->size) < 0 ? error_set(err, errno, "unified kernel image") : 0;
}

static int uki_write(const struct buf *stub, const struct uki_section *sections, const struct content *contents,
		     size_t n, uint64_t end, const char *path, struct error *err)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || io_write(fd, buf_bytes(stub), stub->len) < 0)
		return error_set(err, errno, "%s", path);
	for (size_t i = 0; i < n; i++)
		if (uki_content(fd, &sections[i], &contents[i], err) < 0)
			return -1;
	return ftruncate(fd, (off_t)end) < 0 ? error_set(err, errno, "%s", path) : 0;
}

/* The kernel comes last: where it is unpacked in place it wants what follows. */
static int uki_make(const struct media_boot *b, const struct efi_arch *arch, const char *path, struct error *err)
{
	_cleanup_free_ char *cmdline = cmdline_check(b->cmdline, err);
	_cleanup_buf_ struct buf stub = { 0 };
	struct uki_section sections[4] = { { ".osrel", sizeof(os_release) - 1, 0 },
					   { ".cmdline", cmdline ? strlen(cmdline) : 0, 0 } };
	struct content contents[4] = { { NULL, os_release }, { NULL, cmdline } };
	struct stat st;
	uint64_t end;
	size_t n = 2;

	if (!cmdline)
		return -1;
	if (tool_file(arch->stub, "systemd-boot-efi", err) < 0 || file_read(arch->stub, STUB_MAX, &stub, err) < 0)
		return -1;
	for (int i = 0; i < 2; i++) {
		const char *from = i ? b->kernel : b->initrd;

		if (!from)
			continue;
		if (stat(from, &st) < 0)
			return error_set(err, errno, "%s", from);
		contents[n].path = from;
		sections[n++] = (struct uki_section){ i ? ".linux" : ".initrd", (uint64_t)st.st_size, 0 };
	}
	if (uki_plan(&stub, sections, n, &end, err) < 0)
		return error_wrap(err, "%s", arch->stub);
	return uki_write(&stub, sections, contents, n, end, path, err);
}

char *efi_loader_conf(const char *dir, struct error *err)
{
	_cleanup_free_ char *path = str_format("%s/loader.conf", dir);

	if (!path) {
		error_set(err, ENOMEM, "EFI");
		return NULL;
	}
	return file_write(path, loader_conf, sizeof(loader_conf) - 1, 0644, err) < 0 ? NULL : steal_ptr(&path);
}

int media_efi_kernel(const struct media_boot *b, const char *path, struct error *err)
{
	const struct efi_arch *arch = efi_arch_find(b->arch, err);

	return arch ? uki_make(b, arch, path, err) : -1;
}

int media_efi_volume(const struct media_boot *b, int fd, struct error *err)
{
	static const char *const dirs[] = { "/EFI", "/EFI/BOOT", NULL };
	const struct efi_arch *arch = efi_arch_find(b->arch, err);
	_cleanup_free_ char *uki = str_format("%s/linuxkit.efi", b->dir);
	struct fat_file file = { uki, arch ? arch->boot : NULL };
	uint64_t size;

	if (!arch || !uki)
		return arch ? error_set(err, ENOMEM, "EFI") : -1;
	if (uki_make(b, arch, uki, err) < 0 || fat_size(&file, 1, &size, err) < 0 ||
	    image_reserve(fd, size, size, err) < 0)
		return -1;
	return fat_make(fd, 0, size, b->time, dirs, &file, 1, err);
}

static int esp_write(const struct media_boot *b, const struct fat_file *files, size_t n, uint64_t asked, int fd,
		     struct error *err)
{
	static const char *const dirs[] = { "/EFI", "/EFI/BOOT", "/EFI/Linux", "/loader", NULL };
	_cleanup_free_ char *script = NULL;
	uint64_t fat, size;

	/* the second table of partitions is at the disk's end */
	if (fat_size(files, n, &fat, err) < 0 || disk_size(asked, PARTITION + fat + MIB, &size, err) < 0 ||
	    image_reserve(fd, size, PARTITION + fat + MIB, err) < 0)
		return -1;
	script = str_format("label: gpt\nlabel-id: " MEDIA_UUID "\nstart=%d, size=%llu, type=U, uuid=" ESP_UUID
			    ", name=\"EFI System\"\n",
			    PARTITION / SECTOR, (unsigned long long)fat / SECTOR);
	if (!script)
		return error_set(err, ENOMEM, "partitions");
	if (partition_write(fd, script, err) < 0)
		return -1;
	return fat_make(fd, PARTITION, fat, b->time, dirs, files, n, err);
}

int media_efi_disk(const struct media_boot *b, uint64_t size, int fd, struct error *err)
{
	const struct efi_arch *arch = efi_arch_find(b->arch, err);
	_cleanup_free_ char *uki = str_format("%s/linuxkit.efi", b->dir), *conf = NULL;
	struct fat_file files[3];

	if (!arch || !uki)
		return arch ? error_set(err, ENOMEM, "EFI") : -1;
	if (tool_file(arch->loader, "systemd-boot-efi", err) < 0 || uki_make(b, arch, uki, err) < 0)
		return -1;
	conf = efi_loader_conf(b->dir, err);
	if (!conf)
		return -1;
	files[0] = (struct fat_file){ arch->loader, arch->boot };
	files[1] = (struct fat_file){ conf, "/loader/loader.conf" };
	files[2] = (struct fat_file){ uki, "/EFI/Linux/linuxkit.efi" };
	return esp_write(b, files, array_len(files), size, fd, err);
}
