/* Kernel files: where the compressed kernel lies in them, and how it is compressed. kernel_decompress() makes a source
 * of it that unpacks when the tree is written. */
#include "kernel_format.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel_unpack.h"
#include "str.h"

static uint32_t le32_get(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

enum kernel_zip kernel_zip_find(const uint8_t *data, size_t n)
{
	static const struct {
		const char *bytes;
		size_t n;
		enum kernel_zip zip;
	} magics[] = {
		{ "\x1f\x8b", 2, KERNEL_ZIP_GZIP },
		{ "\x28\xb5\x2f\xfd", 4, KERNEL_ZIP_ZSTD },
		{ "\xfd"
		  "7zXZ",
		  5, KERNEL_ZIP_XZ },
		{ "\x5d\0\0", 3, KERNEL_ZIP_LZMA },
		{ "BZh", 3, KERNEL_ZIP_BZIP2 },
		{ "\x02\x21\x4c\x18", 4, KERNEL_ZIP_LZ4 }, /* as the kernel's build writes it */
		{ "\x04\x22\x4d\x18", 4, KERNEL_ZIP_LZ4 },
		{ "\x89LZO", 4, KERNEL_ZIP_LZO },
	};
	size_t i;

	for (i = 0; n >= KERNEL_MAGIC && i < array_len(magics); i++)
		if (memcmp(data, magics[i].bytes, magics[i].n) == 0)
			return magics[i].zip;
	return KERNEL_ZIP_NONE;
}

static int parse_bzimage(const uint8_t *h, uint64_t file_size, struct kernel_payload *out, struct error *err)
{
	unsigned version = (unsigned)h[0x207] << 8 | h[0x206];

	if (version < 0x208)
		return error_set(err, 0, "its boot protocol %u.%02u is older than 2.08", h[0x207], h[0x206]);
	out->kind = KERNEL_KIND_BZIMAGE;
	out->offset = ((uint64_t)(h[0x1f1] ? h[0x1f1] : 4) + 1) * 512 + le32_get(h + 0x248);
	out->size = le32_get(h + 0x24c);
	if (out->offset > file_size || out->size > file_size - out->offset)
		return error_set(err, 0, "its compressed part goes beyond the end of the file");
	return 0;
}

static int parse_zboot(const uint8_t *h, uint64_t file_size, struct kernel_payload *out, struct error *err)
{
	out->kind = KERNEL_KIND_ZBOOT;
	out->offset = le32_get(h + 8);
	out->size = le32_get(h + 12);
	if (out->offset > file_size || out->size > file_size - out->offset)
		return error_set(err, 0, "its compressed part goes beyond the end of the file");
	return 0;
}

/* Kernels with an EFI stub begin as such programs do (PE/COFF behind the stub of MS-DOS); the rest of the header may be
 * further behind than is looked at. */
static bool is_efi_program(const uint8_t *h, size_t n)
{
	size_t at;

	if (n < 0x40 || memcmp(h, "MZ", 2) != 0)
		return false;
	at = le32_get(h + 0x3c);
	return at >= n || n - at < 4 || memcmp(h + at, "PE\0\0", 4) == 0;
}

int kernel_payload_parse(const uint8_t *h, size_t n, uint64_t file_size, struct kernel_payload *out, struct error *err)
{
	*out = (struct kernel_payload){ .size = file_size, .efi = is_efi_program(h, n) };
	if (kernel_zip_find(h, n) != KERNEL_ZIP_NONE)
		out->kind = KERNEL_KIND_ZIPPED;
	else if (n >= 0x250 && h[0x1fe] == 0x55 && h[0x1ff] == 0xaa && memcmp(h + 0x202, "HdrS", 4) == 0)
		return parse_bzimage(h, file_size, out, err);
	else if (n >= 0x40 && memcmp(h, "MZ", 2) == 0 && memcmp(h + 4, "zimg", 4) == 0)
		return parse_zboot(h, file_size, out, err);
	else if ((n >= 0x40 && memcmp(h + 0x38, "ARM\x64", 4) == 0) || (n >= 4 && memcmp(h, "\177ELF", 4) == 0))
		out->kind = KERNEL_KIND_PLAIN;
	return 0;
}

/* --- the payload as a stream --------------------------------------------------------------------------------- */

static struct stream *part_open(const struct tree_node *file, const struct kernel_payload *k, struct error *err)
{
	struct stream *s = tree_open(file, err);

	if (!s)
		return NULL;
	if (stream_skip(s, k->offset, err) < 0) {
		stream_close(s);
		return NULL;
	}
	return stream_limit(s, k->size, err);
}

/* A part of another file of a tree, decompressed. The node it comes from lives in a tree of its own, so that it stays
 * when the file in the image's tree is replaced. */
struct payload_source {
	struct source source;
	struct tree *tree;
	const struct tree_node *file;
	struct kernel_payload part;
};

static struct stream *payload_open(struct source *src, struct error *err)
{
	struct payload_source *p = (struct payload_source *)src;
	struct stream *s = part_open(p->file, &p->part, err);

	return s ? stream_unzip(s, err) : NULL;
}

static void payload_free(struct source *src)
{
	struct payload_source *p = (struct payload_source *)src;

	tree_free(p->tree);
	free(p);
}

static struct source *payload_new(const struct tree_node *kernel, const struct kernel_payload *k, struct error *err)
{
	struct payload_source *p = calloc(1, sizeof *p);

	if (!p) {
		error_set(err, ENOMEM, "kernel");
		return NULL;
	}
	p->source = (struct source){ .open = payload_open, .free = payload_free, .refs = 1 };
	p->part = *k;
	p->tree = tree_new(err);
	p->file = p->tree ? tree_add_copy(p->tree, "kernel", kernel, err) : NULL;
	if (!p->file) {
		payload_free(&p->source);
		return NULL;
	}
	return &p->source;
}

/* What it is compressed with. The kernel's build puts the size in four bytes behind what has none of its own; in a
 * bzImage they count as compressed data. */
static int find_zip(const struct tree_node *kernel, struct kernel_payload *k, enum kernel_zip *zip, struct error *err)
{
	_cleanup_stream_ struct stream *s = part_open(kernel, k, err);
	uint8_t magic[KERNEL_MAGIC];

	*zip = KERNEL_ZIP_NONE;
	if (!s)
		return -1;
	if (k->size > sizeof magic && stream_read(s, magic, sizeof magic, err) < 0)
		return -1;
	if (k->size > sizeof magic)
		*zip = kernel_zip_find(magic, sizeof magic);
	if (*zip == KERNEL_ZIP_NONE)
		return error_set(err, 0, "what is compressed in it is in no known format");
	if (k->kind == KERNEL_KIND_BZIMAGE && *zip != KERNEL_ZIP_GZIP)
		k->size -= 4;
	return 0;
}

static int source_length(struct source *source, uint64_t *length, struct error *err)
{
	_cleanup_stream_ struct stream *s = source->open(source, err);
	uint8_t buffer[16384];
	ssize_t n = -1;

	*length = 0;
	while (s && (n = stream_read(s, buffer, sizeof buffer, err)) > 0) {
		*length += (uint64_t)n;
		if (*length > KERNEL_MAX)
			return error_say(err, E2BIG, "it unpacks to more than %u MiB", (unsigned)(KERNEL_MAX >> 20));
	}
	return s && n == 0 ? 0 : -1;
}

static struct source *payload_unzip(const struct tree_node *kernel, const struct kernel_payload *k, enum kernel_zip zip,
				    struct error *err)
{
	_cleanup_stream_ struct stream *s = NULL;

	if (zip == KERNEL_ZIP_GZIP || zip == KERNEL_ZIP_ZSTD)
		return payload_new(kernel, k, err);
	s = part_open(kernel, k, err);
	return s ? kernel_unpack(zip, s, err) : NULL;
}

int kernel_look(const struct tree_node *kernel, struct kernel_payload *out, struct error *err)
{
	_cleanup_stream_ struct stream *s = tree_open(kernel, err);
	uint8_t head[KERNEL_HEAD];
	ssize_t n;

	if (!s)
		return -1;
	n = stream_read(s, head, sizeof head, err);
	return n < 0 ? -1 : kernel_payload_parse(head, (size_t)n, kernel->inode->size, out, err);
}

static int kernel_replace(struct tree *t, const char *path, const struct tree_node *kernel, struct kernel_payload *k,
			  struct error *err)
{
	struct tree_meta meta = { .mode = kernel->inode->mode,
				  .uid = kernel->inode->uid,
				  .gid = kernel->inode->gid,
				  .mtime = kernel->inode->mtime };
	_cleanup_source_ struct source *source = NULL;
	enum kernel_zip zip;
	uint64_t length;

	if (find_zip(kernel, k, &zip, err) < 0)
		return -1;
	source = payload_unzip(kernel, k, zip, err);
	if (!source || source_length(source, &length, err) < 0)
		return -1;
	return tree_add_source(t, path, &meta, source, length, err) ? 0 : -1;
}

int kernel_decompress(struct tree *t, const char *path, struct error *err)
{
	const struct tree_node *kernel = tree_find(t, path);
	struct kernel_payload k;

	if (kernel->inode->size > KERNEL_MAX)
		return error_say(err, E2BIG, "cannot decompress the kernel: it has more than %u MiB",
				 (unsigned)(KERNEL_MAX >> 20));
	if (kernel_look(kernel, &k, err) < 0)
		return error_wrap(err, "cannot decompress the kernel");
	if (k.kind == KERNEL_KIND_OTHER || k.kind == KERNEL_KIND_PLAIN)
		return error_set(err, 0, "--decompress-kernel: the kernel is not compressed, or in no known format");
	if (kernel_replace(t, path, kernel, &k, err) < 0)
		return error_wrap(err, "cannot decompress the kernel");
	return 0;
}
