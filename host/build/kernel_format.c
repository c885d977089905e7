#include "kernel_format.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "str.h"

static uint32_t le32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static bool is_gzip(const uint8_t *p)
{
	return p[0] == 0x1f && p[1] == 0x8b;
}

static bool is_zstd(const uint8_t *p)
{
	return le32(p) == 0xfd2fb528;
}

static int parse_bzimage(const uint8_t *h, uint64_t file_size, struct kernel_payload *out, struct error *err)
{
	unsigned version = (unsigned)h[0x207] << 8 | h[0x206];

	if (version < 0x208)
		return error_set(err, 0, "its boot protocol %u.%02u is older than 2.08", h[0x207], h[0x206]);
	out->kind = KERNEL_KIND_BZIMAGE;
	out->offset = ((uint64_t)(h[0x1f1] ? h[0x1f1] : 4) + 1) * 512 + le32(h + 0x248);
	out->size = le32(h + 0x24c);
	if (out->offset > file_size || out->size > file_size - out->offset)
		return error_set(err, 0, "its compressed part goes beyond the end of the file");
	return 0;
}

static int parse_zboot(const uint8_t *h, uint64_t file_size, struct kernel_payload *out, struct error *err)
{
	out->kind = KERNEL_KIND_ZBOOT;
	out->offset = le32(h + 8);
	out->size = le32(h + 12);
	if (out->offset > file_size || out->size > file_size - out->offset)
		return error_set(err, 0, "its compressed part goes beyond the end of the file");
	return 0;
}

int kernel_payload_parse(const uint8_t *h, size_t n, uint64_t file_size, struct kernel_payload *out, struct error *err)
{
	*out = (struct kernel_payload){ .size = file_size };
	if (n >= 4 && is_gzip(h))
		out->kind = KERNEL_KIND_GZIP;
	else if (n >= 4 && is_zstd(h))
		out->kind = KERNEL_KIND_ZSTD;
	else if (n >= 0x250 && h[0x1fe] == 0x55 && h[0x1ff] == 0xaa && memcmp(h + 0x202, "HdrS", 4) == 0)
		return parse_bzimage(h, file_size, out, err);
	else if (n >= 0x40 && memcmp(h, "MZ", 2) == 0 && memcmp(h + 4, "zimg", 4) == 0)
		return parse_zboot(h, file_size, out, err);
	else if ((n >= 0x40 && memcmp(h + 0x38, "ARM\x64", 4) == 0) || (n >= 4 && memcmp(h, "\177ELF", 4) == 0))
		out->kind = KERNEL_KIND_PLAIN;
	return 0;
}

/* --- the payload as a stream --------------------------------------------------------------------------------- */

/* A part of another file of a tree, decompressed. The node it comes from lives in a tree of its own, so that it stays
 * when the file in the image's tree is replaced. */
struct payload_source {
	struct source source;
	struct tree *tree;
	const struct tree_node *file;
	uint64_t offset, size;
};

static struct stream *payload_open(struct source *src, struct error *err)
{
	struct payload_source *p = (struct payload_source *)src;
	struct stream *s = tree_open(p->file, err);

	if (!s)
		return NULL;
	if (stream_skip(s, p->offset, err) < 0) {
		stream_close(s);
		return NULL;
	}
	s = stream_limit(s, p->size, err);
	return s ? stream_unzip(s, err) : NULL;
}

static void payload_free(struct source *src)
{
	struct payload_source *p = (struct payload_source *)src;

	tree_free(p->tree);
	free(p);
}

static struct payload_source *payload_new(const struct tree_node *kernel, struct error *err)
{
	struct payload_source *p = calloc(1, sizeof *p);

	if (!p) {
		error_set(err, ENOMEM, "kernel");
		return NULL;
	}
	p->source = (struct source){ .open = payload_open, .free = payload_free, .refs = 1 };
	p->tree = tree_new(err);
	p->file = p->tree ? tree_add_copy(p->tree, "kernel", kernel, err) : NULL;
	if (!p->file) {
		payload_free(&p->source);
		return NULL;
	}
	return p;
}

/* The first n bytes at the start of the payload decide; what other compressors leave is named. */
static int check_compression(struct payload_source *p, struct kernel_payload *k, struct error *err)
{
	static const struct {
		const char *magic, *name;
		size_t n;
	} others[] = { { "\xfd"
			 "7zXZ",
			 "xz", 5 },
		       { "BZh", "bzip2", 3 },
		       { "\x5d\0\0", "lzma", 3 },
		       { "\x02\x21\x4c\x18", "lz4", 4 },
		       { "\x89LZO", "lzo", 4 } };
	_cleanup_stream_ struct stream *s = tree_open(p->file, err);
	uint8_t magic[8] = { 0 };
	size_t i;

	if (!s || stream_skip(s, k->offset, err) < 0 || stream_read(s, magic, sizeof magic, err) < 0)
		return -1;
	if (is_gzip(magic))
		return 0;
	if (is_zstd(magic)) {
		/* the kernel's build adds the size in four bytes behind a frame */
		if (k->kind == KERNEL_KIND_BZIMAGE && k->size > 4)
			k->size -= 4;
		return 0;
	}
	for (i = 0; i < array_len(others); i++)
		if (memcmp(magic, others[i].magic, others[i].n) == 0)
			return error_set(err, 0, "it is compressed with %s: only gzip and zstd can be decompressed",
					 others[i].name);
	return error_set(err, 0, "what is compressed in it is in no known format");
}

static int payload_length(struct payload_source *p, uint64_t *length, struct error *err)
{
	_cleanup_stream_ struct stream *s = payload_open(&p->source, err);
	uint8_t buffer[16384];
	ssize_t n;

	*length = 0;
	while (s && (n = stream_read(s, buffer, sizeof buffer, err)) > 0)
		*length += (uint64_t)n;
	return s && n == 0 ? 0 : -1;
}

static int read_head(const struct tree_node *kernel, struct kernel_payload *out, struct error *err)
{
	_cleanup_stream_ struct stream *s = tree_open(kernel, err);
	uint8_t head[KERNEL_HEAD];
	ssize_t n;

	if (!s)
		return -1;
	n = stream_read(s, head, sizeof head, err);
	return n < 0 ? -1 : kernel_payload_parse(head, (size_t)n, kernel->inode->size, out, err);
}

static int replace(struct tree *t, const char *path, const struct tree_node *kernel, struct kernel_payload *k,
		   struct error *err)
{
	struct tree_meta meta = { .mode = kernel->inode->mode,
				  .uid = kernel->inode->uid,
				  .gid = kernel->inode->gid,
				  .mtime = kernel->inode->mtime };
	struct payload_source *p = payload_new(kernel, err);
	_cleanup_source_ struct source *source = p ? &p->source : NULL;
	uint64_t length;

	if (!p || check_compression(p, k, err) < 0)
		return -1;
	p->offset = k->offset;
	p->size = k->size;
	if (payload_length(p, &length, err) < 0)
		return -1;
	return tree_add_source(t, path, &meta, source, length, err) ? 0 : -1;
}

int kernel_decompress(struct tree *t, const char *path, struct error *err)
{
	const struct tree_node *kernel = tree_find(t, path);
	struct kernel_payload k;

	if (read_head(kernel, &k, err) < 0)
		return error_wrap(err, "cannot decompress the kernel");
	if (k.kind == KERNEL_KIND_OTHER || k.kind == KERNEL_KIND_PLAIN)
		return error_set(err, 0, "--decompress-kernel: the kernel is not compressed, or in no known format");
	if (replace(t, path, kernel, &k, err) < 0)
		return error_wrap(err, "cannot decompress the kernel");
	return 0;
}
