/* Layers: any bytes as up to four layers of an image (cut at "SPLIT"), through decompression, tar, whiteouts and merge,
 * and out again as tar and cpio; and each as an image of its own that is put into the root of the others. What comes
 * out must be a tree: no path that leads out of it, no name twice, no link before its target. */
#include <stdlib.h>
#include <string.h>

#include "layer.h"
#include "output.h"
#include "str.h"
#include "tree.h"

struct memory {
	struct source base;
	const uint8_t *data;
	size_t n;
};

struct memory_stream {
	struct stream base;
	const uint8_t *data;
	size_t left;
};

static ssize_t memory_read(struct stream *base, void *data, size_t n, struct error *err)
{
	struct memory_stream *s = (struct memory_stream *)base;

	(void)err;
	if (n > s->left)
		n = s->left;
	memcpy(data, s->data, n);
	s->data += n;
	s->left -= n;
	return (ssize_t)n;
}

static void memory_close(struct stream *s)
{
	free(s);
}

static struct stream *memory_open(struct source *base, struct error *err)
{
	struct memory *m = (struct memory *)base;
	struct memory_stream *s = malloc(sizeof(*s));

	(void)err;
	*s = (struct memory_stream){ { memory_read, memory_close }, m->data, m->n };
	return &s->base;
}

static void memory_free(struct source *s)
{
	free(s);
}

static struct source *memory(const uint8_t *data, size_t n)
{
	struct memory *m = malloc(sizeof(*m));

	*m = (struct memory){ { memory_open, memory_free, 1 }, data, n };
	return &m->base;
}

/* --- the walk is checked --- */

struct check {
	struct tree_writer base;
	const struct tree *tree;
	char **written;
	uint64_t left;
};

static int check_entry(struct tree_writer *base, const char *path, const struct tree_inode *inode, uint32_t ino,
		       const char *link, struct error *err)
{
	struct check *c = (struct check *)base;
	const struct tree_node *node = tree_find(c->tree, path);

	(void)ino;
	(void)err;
	if (path[0] == '/' || str_starts(path, "../") || strstr(path, "/../") || str_ends(path, "/..") || c->left)
		abort();
	if (!node || node->inode != inode)
		abort();
	if (*path && strchr(path, '/')) {
		_cleanup_free_ char *parent = strndup(path, (size_t)(strrchr(path, '/') - path));

		if (!strv_has(c->written, parent))
			abort();
	}
	if (strv_has(c->written, path) || (link && !strv_has(c->written, link)))
		abort();
	if (strv_len(c->written) < 300)
		strv_add(&c->written, path);
	if (!link && inode->type == TREE_FILE)
		c->left = inode->size;
	return 0;
}

static int check_data(struct tree_writer *base, const void *data, size_t n, struct error *err)
{
	struct check *c = (struct check *)base;

	(void)data;
	(void)err;
	if (n > c->left)
		abort();
	c->left -= n;
	return 0;
}

static int drop(struct sink *s, const void *data, size_t n, struct error *err)
{
	(void)s;
	(void)data;
	(void)n;
	(void)err;
	return 0;
}

static void write_out(const struct tree *t)
{
	struct check c = { .base = { .entry = check_entry, .data = check_data }, .tree = t };
	struct sink nowhere = { .write = drop };
	struct error err = { 0 };

	if (tree_count(t) > 200 || tree_size(t) > 16 << 20)
		return; /* the check is quadratic; holes cost nothing in an archive */
	if (tree_walk(t, &c.base, &err) == 0 && c.left)
		abort();
	strv_free(c.written);
	tree_write_tar(t, &nowhere, &err);
	tree_write_cpio(t, &nowhere, &err);
	error_clear(&err);
}

size_t LLVMFuzzerMutate(uint8_t *data, size_t n, size_t max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t n, size_t max, unsigned int seed);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* A header whose checksum is wrong is refused before anything else is looked at: mend it. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t n, size_t max, unsigned int seed)
{
	const uint8_t *magic;
	size_t at = 0;

	n = LLVMFuzzerMutate(data, n, max);
	if (seed % 16 == 0)
		return n;
	while ((magic = memmem(data + at, n - at, "ustar", 5))) {
		uint8_t *block = data + (magic - data) - 257;
		uint32_t sum = 0;

		at = (size_t)(magic - data) + 5;
		if (magic - data < 257 || (size_t)(block - data) + 512 > n)
			continue;
		memset(block + 148, ' ', 8);
		for (int i = 0; i < 512; i++)
			sum += block[i];
		for (int i = 6; i-- > 0; sum >>= 3)
			block[148 + i] = (uint8_t)('0' + (sum & 7));
		block[154] = 0;
	}
	return n;
}
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char mark[] = "SPLIT";
	_cleanup_tree_ struct tree *t = tree_new(NULL), *whole = tree_new(NULL), *root = tree_new(NULL);
	struct error err = { 0 };
	int r = 0;

	for (uint16_t stamp = 1; r == 0 && stamp <= 4; stamp++) {
		const uint8_t *end = memmem(data, n, mark, strlen(mark));
		size_t len = end ? (size_t)(end - data) : n;
		_cleanup_source_ struct source *s = memory(data, len);
		_cleanup_tree_ struct tree *image = tree_new(NULL);

		if (tree_add_layer(image, s, "layer", 1, NULL) == 0 &&
		    tree_merge(root, "r", image, NULL, NULL, NULL) == 0)
			write_out(root);
		r = tree_add_layer(t, s, "layer", stamp, &err);
		if (!end)
			break;
		data = end + strlen(mark);
		n -= len + strlen(mark);
	}
	write_out(t);
	if (r == 0 && tree_merge(whole, "a/b", t, NULL, NULL, &err) == 0)
		write_out(whole);
	error_clear(&err);
	return 0;
}
