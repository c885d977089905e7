/* Disks for UEFI: kernel, initrd and command line are one EFI program, which systemd-boot or the firmware starts. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io.h"
#include "media_private.h"
#include "sign.h"
#include "str.h"
#include "stream.h"
#include "tool.h"
#include "uki.h"

enum { PARTITION = MIB, STUB_MAX = 4 * MIB };

/* What systemd-boot shows of it, and without which it would not take it for an operating system. It is always the same:
 * systems are ordered by it first, and by their names where it does not differ, which a disk with two relies on. */
static const char os_release[] = "ID=linuxkit\nNAME=LinuxKit\nPRETTY_NAME=LinuxKit\nVERSION_ID=1\n";
static const char loader_conf[] = "timeout 0\n";
/* the command line is signed as well: nobody should be offered to change it */
static const char loader_conf_signed[] = "timeout 0\neditor no\n";

static const struct efi_arch arches[] = {
	{ "amd64", "/usr/lib/systemd/boot/efi/linuxx64.efi.stub", "/usr/lib/systemd/boot/efi/systemd-bootx64.efi",
	  "/EFI/BOOT/BOOTX64.EFI", "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709" },
	{ "arm64", "/usr/lib/systemd/boot/efi/linuxaa64.efi.stub", "/usr/lib/systemd/boot/efi/systemd-bootaa64.efi",
	  "/EFI/BOOT/BOOTAA64.EFI", "B921B045-1DF0-41C3-AF44-4C6F280D3FAE" },
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
	if (uki_write(&stub, sections, contents, n, end, path, err) < 0)
		return -1;
	return b->signer ? signer_sign(b->signer, path, err) : 0;
}

char *efi_loader_conf(const struct media_boot *b, struct error *err)
{
	_cleanup_free_ char *path = str_format("%s/loader.conf", b->dir);
	const char *text = b->signer ? loader_conf_signed : loader_conf;

	if (!path) {
		error_set(err, ENOMEM, "EFI");
		return NULL;
	}
	return file_write(path, text, strlen(text), 0644, err) < 0 ? NULL : steal_ptr(&path);
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

/* sfdisk's script. Bit 60 of a root's partition says that it is read-only (Discoverable Partitions Specification). */
static int partitions_describe(const struct media_boot *b, uint64_t fat, uint64_t root, struct buf *out,
			       struct error *err)
{
	const struct efi_arch *arch = efi_arch_find(b->arch, err);
	int r;

	if (!arch)
		return -1;
	r = buf_addf(out,
		     "label: gpt\nlabel-id: " MEDIA_UUID "\nstart=%d, size=%llu, type=U, uuid=" ESP_UUID
		     ", name=\"EFI System\"\n",
		     PARTITION / SECTOR, (unsigned long long)fat / SECTOR);
	if (r == 0 && b->root)
		r = buf_addf(out, "start=%llu, size=%llu, type=%s, uuid=%s, name=\"root\", attrs=\"GUID:60\"\n",
			     (unsigned long long)(PARTITION + fat) / SECTOR, (unsigned long long)root / SECTOR,
			     arch->root, b->root_uuid);
	return r < 0 ? error_set(err, ENOMEM, "partitions") : 0;
}

static int root_size(const struct media_boot *b, uint64_t *file, uint64_t *partition, struct error *err)
{
	struct stat st = { 0 };

	if (b->root && stat(b->root, &st) < 0)
		return error_set(err, errno, "%s", b->root);
	*file = (uint64_t)st.st_size;
	*partition = (*file + MIB - 1) / MIB * MIB;
	return 0;
}

static int root_put(const struct media_boot *b, uint64_t at, uint64_t size, int fd, struct error *err)
{
	if (!b->root)
		return 0;
	if (lseek(fd, (off_t)at, SEEK_SET) < 0)
		return error_set(err, errno, "root");
	return file_put(fd, b->root, size, err);
}

static int esp_write(const struct media_boot *b, const struct fat_file *files, size_t n, uint64_t asked, int fd,
		     struct error *err)
{
	static const char *const dirs[] = { "/EFI", "/EFI/BOOT", "/EFI/Linux", "/loader", NULL };
	_cleanup_buf_ struct buf script = { 0 };
	uint64_t fat, file = 0, root = 0, size, used;

	if (fat_size(files, n, &fat, err) < 0 || root_size(b, &file, &root, err) < 0)
		return -1;
	used = PARTITION + fat + root + MIB; /* the second table of partitions is at the disk's end */
	if (disk_size(asked, used, &size, err) < 0 || image_reserve(fd, size, used, err) < 0 ||
	    partitions_describe(b, fat, root, &script, err) < 0 || partition_write(fd, buf_text(&script), err) < 0 ||
	    fat_make(fd, PARTITION, fat, b->time, dirs, files, n, err) < 0)
		return -1;
	return root_put(b, PARTITION + fat, file, fd, err);
}

/* The boot loader, signed where there is a key; *path then is ours. */
static int loader_find(const struct media_boot *b, const struct efi_arch *arch, char **path, struct error *err)
{
	_cleanup_buf_ struct buf program = { 0 };

	if (tool_file(arch->loader, "systemd-boot-efi", err) < 0)
		return -1;
	*path = b->signer ? str_format("%s/loader.efi", b->dir) : strdup(arch->loader);
	if (!*path)
		return error_set(err, ENOMEM, "boot loader");
	if (!b->signer)
		return 0;
	if (file_read(arch->loader, STUB_MAX, &program, err) < 0 ||
	    file_write(*path, buf_bytes(&program), program.len, 0600, err) < 0)
		return -1;
	return signer_sign(b->signer, *path, err);
}

int media_efi_disk(const struct media_boot *b, uint64_t size, int fd, struct error *err)
{
	const struct efi_arch *arch = efi_arch_find(b->arch, err);
	_cleanup_free_ char *uki = str_format("%s/linuxkit.efi", b->dir), *conf = NULL, *loader = NULL;
	struct fat_file files[3];

	if (!arch || !uki)
		return arch ? error_set(err, ENOMEM, "EFI") : -1;
	if (loader_find(b, arch, &loader, err) < 0 || uki_make(b, arch, uki, err) < 0)
		return -1;
	conf = efi_loader_conf(b, err);
	if (!conf)
		return -1;
	files[0] = (struct fat_file){ loader, arch->boot };
	files[1] = (struct fat_file){ conf, "/loader/loader.conf" };
	files[2] = (struct fat_file){ uki, "/EFI/Linux/linuxkit.efi" };
	return esp_write(b, files, array_len(files), size, fd, err);
}
