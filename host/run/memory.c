#include "memory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "io.h"
#include "kernel_arch.h"
#include "kernel_file.h"
#include "str.h"
#include "stream.h"

#define MIB UINT64_C(1048576)

enum { PAGE = 4096, BLOCK = 65536 };

/* The kernel's own tables, its drivers' and threads' memory, and of each page a sixty-fourth. */
#define KERNEL_MORE (10 * MIB)
#define PAGES_PART  64
/* For the runtime and a small program, and of a larger image the part that its programs keep in use. */
#define PROGRAMS    (16 * MIB)
#define IN_USE_PART 8
/* What the bootloader keeps at the end of the memory. */
#define FIRMWARE (MIB / 2)

static uint64_t little_endian(const uint8_t *p, size_t bytes)
{
	uint64_t v = 0;

	while (bytes-- > 0)
		v = v << 8 | p[bytes];
	return v;
}

/* Whether the release, the first word of a bzImage's version, is one of our kernels'. */
static bool release_is_ours(const uint8_t *head, size_t n)
{
	static const char end[] = "-pith";
	size_t from = 0x200 + little_endian(head + 0x20e, 2), to = from;

	while (to < n && head[to] > ' ')
		to++;
	return to < n && to - from >= strlen(end) && memcmp(head + to - strlen(end), end, strlen(end)) == 0;
}

struct memory_kernel memory_kernel_parse(const uint8_t *head, size_t n)
{
	const char *arch = kernel_arch_find(head, n);
	struct memory_kernel k = { 0 };

	if (!arch)
		return k;
	if (str_eq(arch, "aarch64")) {
		k.size = k.end = little_endian(head + 16, 8);
		k.frees = true;
	} else if (n >= MEMORY_KERNEL_HEAD && little_endian(head + 0x206, 2) >= 0x20a) { /* these fields' version */
		k.size = little_endian(head + 0x260, 4);
		k.end = little_endian(head + 0x258, 8) + k.size;
		k.frees = release_is_ours(head, n);
	}
	/* More than any kernel has: what else is in there cannot be believed either. */
	if (k.size > 1024 * MIB || k.end > 4096 * MIB)
		k = (struct memory_kernel){ 0 };
	return k;
}

static int hex_read(const uint8_t *p, uint64_t *out)
{
	*out = 0;
	for (int i = 0; i < 8; i++) {
		int c = p[i],
		    digit = c >= '0' && c <= '9' ? c - '0'
			: c >= 'a' && c <= 'f'   ? c - 'a' + 10
			: c >= 'A' && c <= 'F'   ? c - 'A' + 10
						 : -1;

		if (digit < 0)
			return -1;
		*out = *out << 4 | (uint64_t)digit;
	}
	return 0;
}

static uint64_t size_round(uint64_t n, uint64_t to)
{
	return (n + to - 1) / to * to;
}

int memory_cpio_parse(const uint8_t head[MEMORY_CPIO_HEAD], uint64_t *step, uint64_t *content)
{
	uint64_t size, name;

	if (memcmp(head, "07070", 5) != 0 || (head[5] != '1' && head[5] != '2') || hex_read(head + 54, &size) < 0 ||
	    hex_read(head + 94, &name) < 0)
		return -1;
	*step = size_round(MEMORY_CPIO_HEAD + name, 4) + size_round(size, 4);
	*content = size_round(size, PAGE);
	return 0;
}

uint64_t memory_sum(const struct memory_kernel *k, uint64_t initrd, uint64_t packed, uint64_t unpacked)
{
	uint64_t both = (k->frees ? packed : initrd) + unpacked;
	uint64_t early = k->end + initrd + FIRMWARE;
	uint64_t start = k->size + (both > initrd ? both : initrd) + KERNEL_MORE;
	uint64_t later = k->size + unpacked + PROGRAMS + unpacked / IN_USE_PART;
	uint64_t most = start > later ? start : later;

	most += most / PAGES_PART;
	return most > early ? most : early;
}

/* What the rest of the file decompresses to, `enough` at most. A format that is not known, or is broken, counts as far
 * as it could be read. */
static uint64_t unzipped_size(int fd, uint64_t at, uint64_t enough)
{
	int again = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	_cleanup_stream_ struct stream *s = NULL;
	_cleanup_free_ uint8_t *block = malloc(BLOCK);
	_cleanup_error_ struct error err = { 0 };
	uint64_t sum = 0;
	ssize_t n;

	if (again < 0 || !block || lseek(again, (off_t)at, SEEK_SET) < 0) {
		cleanup_close(&again);
		return 0;
	}
	s = stream_from_fd(again, &err);
	s = s ? stream_unzip(s, &err) : NULL;
	while (s && sum < enough && (n = s->read(s, block, BLOCK, &err)) > 0)
		sum += (uint64_t)n;
	return sum;
}

/* Where the zeros that begin at `at` end, in steps of 4 bytes. */
static uint64_t zeros_end(int fd, uint64_t at)
{
	uint8_t block[PAGE];
	ssize_t n;

	while ((n = io_pread(fd, block, sizeof(block), (off_t)at)) > 0) {
		ssize_t i = 0;

		while (i + 4 <= n && memcmp(block + i, "\0\0\0\0", 4) == 0)
			i += 4;
		at += (uint64_t)i;
		if (i + 4 <= n || n < (ssize_t)sizeof(block))
			break;
	}
	return at;
}

/* Archives one after another, with zeros between them; the last may be compressed: *packed is its size. */
static uint64_t unpacked_size(int fd, uint64_t size, uint64_t enough, uint64_t *packed)
{
	uint8_t head[MEMORY_CPIO_HEAD];
	uint64_t at = 0, sum = 0, step, content;

	while (at < size && sum < enough) {
		if (io_pread(fd, head, sizeof(head), (off_t)at) < (ssize_t)sizeof(head))
			break;
		if (memory_cpio_parse(head, &step, &content) == 0) {
			at += step;
			sum += content;
		} else if (memcmp(head, "\0\0\0\0", 4) == 0) {
			at = zeros_end(fd, at);
		} else {
			*packed = size - at;
			return sum + unzipped_size(fd, at, enough);
		}
	}
	return sum;
}

static int kernel_read(const char *path, struct memory_kernel *out, struct error *err)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint8_t head[MEMORY_KERNEL_SETUP];
	ssize_t n = fd < 0 ? -1 : io_pread(fd, head, sizeof(head), 0);

	if (n < 0)
		return error_set(err, errno, "%s", path);
	*out = memory_kernel_parse(head, (size_t)n);
	return 0;
}

int memory_check(const struct boot *boot, uint64_t memory, struct error *err)
{
	_cleanup_close_ int fd = -1;
	struct memory_kernel kernel = { 0 };
	uint64_t initrd = 0, packed = 0, unpacked = 0, need;
	struct stat st;

	if (!boot->kernel)
		return 0;
	if (kernel_read(boot->kernel, &kernel, err) < 0)
		return -1;
	if (kernel.size == 0)
		return 0;
	if (boot->initrd) {
		fd = open(boot->initrd, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || fstat(fd, &st) < 0)
			return error_set(err, errno, "%s", boot->initrd);
		initrd = (uint64_t)st.st_size;
		unpacked = unpacked_size(fd, initrd, memory, &packed);
	}
	need = memory_sum(&kernel, initrd, packed, unpacked);
	if (memory >= need)
		return 0;
	return error_set(err, 0,
			 "--mem %lluM: %s needs at least %lluM (its kernel takes %lluM, its initramfs %lluM, and "
			 "%s%lluM unpacked); "
			 "--low-memory boots it all the same",
			 (unsigned long long)(memory / MIB), boot->prefix,
			 (unsigned long long)(size_round(need, MIB) / MIB),
			 (unsigned long long)(size_round(kernel.size, MIB) / MIB),
			 (unsigned long long)(size_round(initrd, MIB) / MIB), unpacked >= memory ? "more than " : "",
			 (unsigned long long)(size_round(unpacked, MIB) / MIB));
}
