/* Where the content of a file comes from. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "archive.h"
#include "str.h"
#include "tree.h"
#include "tree_private.h"

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
	if (n)
		memcpy(data, s->data, n);
	s->data += n;
	s->left -= n;
	return (ssize_t)n;
}

static void memory_close(struct stream *base)
{
	free(base);
}

static struct stream *memory_stream(const uint8_t *data, size_t n, struct error *err)
{
	struct memory_stream *s = malloc(sizeof(*s));

	if (!s) {
		error_set(err, ENOMEM, "opening");
		return NULL;
	}
	*s = (struct memory_stream){ .base = { memory_read, memory_close }, .data = data, .left = n };
	return &s->base;
}

struct member_stream {
	struct stream base;
	struct archive archive;
	bool finished;
};

static ssize_t member_read(struct stream *base, void *data, size_t n, struct error *err)
{
	struct member_stream *s = (struct member_stream *)base;
	ssize_t r;

	if (s->finished)
		return 0;
	r = archive_read(&s->archive, data, n, err);
	if (r == 0) {
		if (archive_finish(&s->archive, err) < 0)
			return -1;
		s->finished = true;
	}
	return r;
}

static void member_close(struct stream *base)
{
	archive_close(&((struct member_stream *)base)->archive);
	free(base);
}

static struct stream *member_stream(const struct tree_inode *inode, struct error *err)
{
	struct member_stream *s = calloc(1, sizeof(*s));
	int r;

	if (!s) {
		error_set(err, ENOMEM, "opening");
		return NULL;
	}
	s->base = (struct stream){ member_read, member_close };
	if (archive_open(&s->archive, inode->source, "archive", err) < 0) {
		free(s);
		return NULL;
	}
	while ((r = archive_next(&s->archive, err)) > 0 && s->archive.index != inode->member)
		;
	if (r > 0 && s->archive.tar.entry.type == TAR_FILE && s->archive.tar.entry.size == inode->size)
		return &s->base;
	if (r >= 0)
		error_say(err, ESTALE, "the archive has changed since it was read first");
	member_close(&s->base);
	return NULL;
}

static struct stream *content_limit(struct stream *s, uint64_t size, struct error *err)
{
	return s ? stream_limit(s, size, err) : NULL;
}

struct stream *tree_open(const struct tree_node *node, struct error *err)
{
	const struct tree_inode *inode = node->inode;

	if (inode->type != TREE_FILE) {
		error_say(err, EINVAL, "%s is no regular file", node->name);
		return NULL;
	}
	switch (inode->content) {
	case CONTENT_MEMORY:
		return memory_stream(inode->bytes, inode->size, err);
	case CONTENT_FILE:
		return content_limit(stream_from_file(inode->path, err), inode->size, err);
	case CONTENT_SOURCE:
		return inode->source->open(inode->source, err);
	case CONTENT_MEMBER:
		return member_stream(inode, err);
	default:
		return memory_stream(NULL, 0, err);
	}
}

int tree_read(const struct tree_node *node, size_t max, struct buf *out, struct error *err)
{
	_cleanup_stream_ struct stream *s = tree_open(node, err);

	if (!s || stream_read_all(s, max, out, err) < 0)
		return error_wrap(err, "%s", node->name);
	return 0;
}

/* --- a file of a tree as a source --- */

struct node_source {
	struct source base;
	struct tree *holder; /* one node, "file": the tree it came from may go first */
};

static struct stream *node_source_open(struct source *base, struct error *err)
{
	return tree_open(tree_find(((struct node_source *)base)->holder, "file"), err);
}

static void node_source_free(struct source *base)
{
	tree_free(((struct node_source *)base)->holder);
	free(base);
}

static struct source *node_source(const struct tree_node *node, struct error *err)
{
	struct node_source *s = calloc(1, sizeof(*s));

	if (!s) {
		error_set(err, ENOMEM, "%s", node->name);
		return NULL;
	}
	s->base = (struct source){ .open = node_source_open, .free = node_source_free, .refs = 1 };
	s->holder = tree_new(err);
	if (s->holder && tree_add_copy(s->holder, "file", node, err))
		return &s->base;
	node_source_free(&s->base);
	return NULL;
}

int tree_add_archive_node(struct tree *t, const char *prefix, const struct tree_node *file, tree_filter_fn *filter,
			  void *data, struct error *err)
{
	_cleanup_source_ struct source *source = NULL;
	_cleanup_free_ char *what = strdup(file->name); /* the merge may replace the file itself */

	if (file->inode->type != TREE_FILE)
		return error_say(err, EINVAL, "%s is no regular file", file->name);
	source = what ? node_source(file, err) : NULL;
	return source ? tree_add_archive(t, prefix, source, what, filter, data, err) : -1;
}
