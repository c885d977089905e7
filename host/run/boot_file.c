#include "boot_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "io.h"
#include "kernel_arch.h"
#include "str.h"

enum { ISO_VOLUME = 16 * 2048, TAR_MAGIC = 257 };

static bool bytes_at(const uint8_t *head, size_t n, size_t at, const char *bytes, size_t len)
{
	return at + len <= n && memcmp(head + at, bytes, len) == 0;
}

enum boot_file boot_file_parse(const uint8_t *head, size_t n)
{
	static const struct {
		const char *bytes;
		size_t len, at;
		enum boot_file file;
	} known[] = {
		{ "\1CD001", 6, ISO_VOLUME, BOOT_FILE_ISO }, /* first: a boot sector may be in front of it */
		{ "\x1f\x8b\x08", 3, 0, BOOT_FILE_COMPRESSED },
		{ "\x28\xb5\x2f\xfd", 4, 0, BOOT_FILE_COMPRESSED },
		{ "\xfd"
		  "7zXZ",
		  6, 0, BOOT_FILE_COMPRESSED },
		{ "BZh", 3, 0, BOOT_FILE_COMPRESSED },
		{ "PK\3\4", 4, 0, BOOT_FILE_ARCHIVE },
		{ "ustar", 5, TAR_MAGIC, BOOT_FILE_ARCHIVE },
	};

	for (size_t i = 0; i < array_len(known); i++)
		if (bytes_at(head, n, known[i].at, known[i].bytes, known[i].len))
			return known[i].file;
	return kernel_arch_find(head, n) ? BOOT_FILE_KERNEL : BOOT_FILE_DISK;
}

static int file_refuse(const char *name, enum boot_file file, struct error *err)
{
	static const char *const why[] = {
		[BOOT_FILE_COMPRESSED] = "is compressed",
		[BOOT_FILE_ARCHIVE] = "is an archive",
		[BOOT_FILE_KERNEL] = "is a kernel alone",
	};
	const char *end = strstr(name, "-kernel");

	if (file == BOOT_FILE_KERNEL && end && end > name && str_eq(end, "-kernel"))
		return error_set(err, 0, "%s is a kernel alone: `pith run %.*s` takes what belongs to it, too", name,
				 (int)(end - name), name);
	if (file == BOOT_FILE_ARCHIVE || (file == BOOT_FILE_COMPRESSED && strstr(name, ".tar.")))
		return error_set(err, 0,
				 "%s %s: `tar xf %s`, then run what was in it (--format=raw: it is a disk as it is)",
				 name, why[file], name);
	return error_set(err, 0, "%s %s, not a machine image (--format=raw: it is a disk as it is)", name, why[file]);
}

int boot_file_kind(const char *name, enum boot_kind wanted, enum boot_kind *out, struct error *err)
{
	_cleanup_close_ int fd = -1;
	_cleanup_free_ uint8_t *head = NULL;
	enum boot_file file;
	ssize_t n;

	*out = wanted;
	if (wanted == BOOT_DISK)
		return 0;
	fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	head = malloc(BOOT_FILE_HEAD);
	n = fd < 0 || !head ? -1 : io_pread(fd, head, BOOT_FILE_HEAD, 0);
	if (n < 0)
		return error_set(err, errno, "%s", name);
	file = boot_file_parse(head, (size_t)n);
	if (file == BOOT_FILE_ISO) {
		*out = BOOT_ISO;
		return 0;
	}
	if (wanted == BOOT_ISO || (file == BOOT_FILE_DISK && str_ends(name, ".iso")))
		return error_set(err, 0, "%s: there is no ISO image in it", name);
	*out = BOOT_DISK;
	return file == BOOT_FILE_DISK ? 0 : file_refuse(name, file, err);
}
