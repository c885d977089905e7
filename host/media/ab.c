/* Disks for UEFI with two systems. Each has its kernel in the EFI system partition and its root in a slot. There is
 * room for systems that grow: a kernel is replaced by another one while the other system's stays. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io.h"
#include "media_private.h"
#include "str.h"
#include "stream.h"
#include "tool.h"

enum { FIRST = MIB, SLOT_STEP = 16 * MIB, SLOT_MIN = 64 * MIB, ESP_MIN = 64 * MIB };

static const char *const slot_uuids[MEDIA_SYSTEMS] = { "70697468-0000-4000-8000-00000000000a",
						       "70697468-0000-4000-8000-00000000000b" };
/* The one that is started first has the higher number; each has three tries until it is known to be good. */
static const char *const entry_names[MEDIA_SYSTEMS] = { "/EFI/Linux/pith-2-a+3.efi", "/EFI/Linux/pith-1-b+3.efi" };

struct layout {
	uint64_t esp, root, slot, size; /* bytes: of the partition, of a root, of a slot, of the disk */
};

static uint64_t up_to(uint64_t n, uint64_t step)
{
	return (n + step - 1) / step * step;
}

static int layout_plan(const struct media_system *systems, const struct fat_file *files, size_t n, uint64_t asked,
		       struct layout *out, struct error *err)
{
	uint64_t needed, esp;
	struct stat st;

	if (stat(systems[0].root, &st) < 0)
		return error_set(err, errno, "%s", systems[0].root);
	if (fat_size(files, n, &esp, err) < 0)
		return -1;
	out->root = up_to((uint64_t)st.st_size, MIB);
	out->esp = up_to(esp + esp / 2 > ESP_MIN ? esp + esp / 2 : ESP_MIN, MIB);
	needed = FIRST + out->esp + MEDIA_SYSTEMS * out->root + MIB;
	if (!asked) {
		out->slot = up_to(2 * out->root > SLOT_MIN ? 2 * out->root : SLOT_MIN, SLOT_STEP);
		out->size = FIRST + out->esp + MEDIA_SYSTEMS * out->slot + MIB;
		return 0;
	}
	if (disk_size(asked, needed, &out->size, err) < 0)
		return -1;
	out->slot = (out->size - FIRST - out->esp - MIB) / MEDIA_SYSTEMS / MIB * MIB;
	return 0;
}

static int table_make(const struct layout *l, const char *arch, int fd, struct error *err)
{
	/* root-x86-64 and root-arm64 of the Discoverable Partitions Specification: nobody takes them for data */
	const char *type =
		str_eq(arch, "arm64") ? "B921B045-1DF0-41C3-AF44-4C6F280D3FAE" : "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709";
	uint64_t a = FIRST + l->esp;
	_cleanup_free_ char *script =
		str_format("label: gpt\nlabel-id: " MEDIA_UUID "\nstart=%d, size=%llu, type=U, uuid=" ESP_UUID
			   ", name=\"EFI System\"\n"
			   "start=%llu, size=%llu, type=%s, uuid=%s, name=pith-a\nstart=%llu, size=%llu, type=%s, "
			   "uuid=%s, name=pith-b\n",
			   FIRST / SECTOR, (unsigned long long)l->esp / SECTOR, (unsigned long long)a / SECTOR,
			   (unsigned long long)l->slot / SECTOR, type, slot_uuids[0],
			   (unsigned long long)(a + l->slot) / SECTOR, (unsigned long long)l->slot / SECTOR, type,
			   slot_uuids[1]);

	return script ? partition_write(fd, script, err) : error_set(err, ENOMEM, "partitions");
}

static int root_put(const struct media_system *system, uint64_t at, int fd, struct error *err)
{
	_cleanup_stream_ struct stream *s = stream_from_file(system->root, err);

	if (!s)
		return -1;
	if (lseek(fd, (off_t)at, SEEK_SET) < 0)
		return error_set(err, errno, "a disk with two systems");
	return stream_copy(s, fd, NULL, err) < 0 ? -1 : media_root_identify(fd, at, system->uuid, err);
}

int media_ab_disk(const struct media_boot *b, const struct media_system systems[MEDIA_SYSTEMS], uint64_t size, int fd,
		  struct error *err)
{
	static const char *const dirs[] = { "/EFI", "/EFI/BOOT", "/EFI/Linux", "/loader", NULL };
	const struct efi_arch *arch = efi_arch_find(b->arch, err);
	_cleanup_free_ char *conf = arch ? efi_loader_conf(b, err) : NULL;
	struct fat_file files[2 + MEDIA_SYSTEMS];
	struct layout l;

	if (!conf || tool_file(arch->loader, "systemd-boot-efi", err) < 0)
		return -1;
	files[0] = (struct fat_file){ arch->loader, arch->boot };
	files[1] = (struct fat_file){ conf, "/loader/loader.conf" };
	for (int i = 0; i < MEDIA_SYSTEMS; i++)
		files[2 + i] = (struct fat_file){ systems[i].kernel, entry_names[i] };
	if (layout_plan(systems, files, array_len(files), size, &l, err) < 0 ||
	    image_reserve(fd, l.size, FIRST + l.esp, err) < 0 || table_make(&l, b->arch, fd, err) < 0 ||
	    fat_make(fd, FIRST, l.esp, b->time, dirs, files, array_len(files), err) < 0)
		return -1;
	for (uint64_t i = 0; i < MEDIA_SYSTEMS; i++)
		if (root_put(&systems[i], FIRST + l.esp + i * l.slot, fd, err) < 0)
			return -1;
	return 0;
}

/* --- erofs ----------------------------------------------------------------------------------------------------------
 */

/* The superblock (linux/fs/erofs/erofs_fs.h). */
enum {
	SUPER = 1024,
	SUPER_CHECKSUM = 4,
	SUPER_COMPAT = 8,
	SUPER_BLOCK_BITS = 12,
	SUPER_UUID = 48,
	COMPAT_CHECKSUM = 1,
	BLOCK_MAX = 65536,
};

static uint32_t checksum_crc32c(const uint8_t *data, size_t n)
{
	uint32_t crc = ~0u;

	for (size_t i = 0; i < n; i++) {
		crc ^= data[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
	}
	return crc;
}

static void super_put32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

int media_root_identify(int fd, uint64_t offset, const uint8_t uuid[16], struct error *err)
{
	static const uint8_t magic[4] = { 0xe2, 0xe1, 0xf5, 0xe0 };
	uint8_t bytes[BLOCK_MAX], *super = bytes + SUPER;
	ssize_t n = io_pread(fd, bytes, sizeof(bytes), (off_t)offset);
	size_t block;

	if (n < 2 * SUPER || memcmp(super, magic, sizeof(magic)) != 0 || super[SUPER_BLOCK_BITS] > 16 ||
	    super[SUPER_BLOCK_BITS] < 9)
		return error_say(err, EINVAL, "mkfs.erofs has written no erofs file system");
	block = (size_t)1 << super[SUPER_BLOCK_BITS];
	memcpy(super + SUPER_UUID, uuid, 16);
	if (super[SUPER_COMPAT] & COMPAT_CHECKSUM) {
		size_t end = block > SUPER ? block : SUPER + block; /* the checksum is of the superblock's block */

		if ((size_t)n < end)
			return error_say(err, EINVAL, "mkfs.erofs has written no erofs file system");
		super_put32(super + SUPER_CHECKSUM, 0);
		super_put32(super + SUPER_CHECKSUM, checksum_crc32c(super, end - SUPER));
	}
	if (pwrite(fd, super, SUPER, (off_t)(offset + SUPER)) != SUPER)
		return error_set(err, errno, "erofs");
	return 0;
}
