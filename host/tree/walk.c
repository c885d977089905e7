/* The walk over a tree: which name is written when, and its content with it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "archive.h"
#include "output.h"
#include "progress.h"
#include "str.h"
#include "tree_private.h"

enum { CHUNK = 64 << 10 };

/* A file with several names, at one of them. order: place in the sorted tree. */
struct linked {
	const struct tree_inode *inode;
	const struct tree_node *node;
	uint32_t order;
	uint32_t ino; /* as written; at the first name */
};

/* A file whose content is a member of an archive. */
struct member {
	const struct tree_node *node;
	uint32_t source; /* number of the source, in the order of first use */
	uint32_t order;  /* place in the sorted tree */
	bool done;
};

struct walk {
	struct tree_writer *writer;
	struct tree_watch *watch;       /* NULL: none */
	const struct tree_node **nodes; /* all, parents first, siblings sorted; the root is first */
	size_t count;
	struct linked *linked; /* sorted by inode, then order */
	size_t linked_count;
	struct member *members;
	size_t member_count;
	struct source **sources; /* borrowed */
	size_t source_count;
	uint32_t ino;
	uint64_t done, total;
	uint8_t *chunk;
};

static void walk_free(struct walk *w)
{
	free(w->nodes);
	free(w->linked);
	free(w->members);
	free(w->sources);
	free(w->chunk);
}
#define _cleanup_walk_ _cleanup_(walk_free)

static int add_children(struct walk *w, const struct tree_node *dir)
{
	size_t count;
	_cleanup_free_ struct tree_node **list = node_sorted_children(dir, &count);

	if (!list)
		return -1;
	for (size_t i = 0; i < count; i++) {
		w->nodes[w->count++] = list[i];
		if (list[i]->children && add_children(w, list[i]) < 0)
			return -1;
	}
	return 0;
}

static int by_inode(const void *a, const void *b)
{
	const struct linked *x = a, *y = b;

	if (x->inode != y->inode)
		return (uintptr_t)x->inode < (uintptr_t)y->inode ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

static int collect_links(struct walk *w)
{
	size_t n = 0;

	for (size_t i = 0; i < w->count; i++)
		n += w->nodes[i]->inode->names > 1;
	w->linked = malloc((n ? n : 1) * sizeof(*w->linked));
	if (!w->linked)
		return -1;
	for (size_t i = 0; i < w->count; i++)
		if (w->nodes[i]->inode->names > 1)
			w->linked[w->linked_count++] =
				(struct linked){ w->nodes[i]->inode, w->nodes[i], (uint32_t)i, 0 };
	qsort(w->linked, n, sizeof(*w->linked), by_inode);
	return 0;
}

/* The names of an inode, in order; the first is written as the file, the others as links to it. */
static struct linked *names_of(const struct walk *w, const struct tree_inode *inode)
{
	size_t low = 0, high = w->linked_count;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if ((uintptr_t)w->linked[mid].inode < (uintptr_t)inode)
			low = mid + 1;
		else
			high = mid;
	}
	return &w->linked[low];
}

static bool first_name(const struct walk *w, const struct tree_node *node)
{
	return node->inode->names < 2 || names_of(w, node->inode)->node == node;
}

static int source_number(struct walk *w, struct source *source, uint32_t *out)
{
	struct source **grown;

	for (size_t i = w->source_count; i-- > 0;) /* the last is the likeliest */
		if (w->sources[i] == source) {
			*out = (uint32_t)i;
			return 0;
		}
	grown = realloc(w->sources, (w->source_count + 1) * sizeof(struct source *));
	if (!grown)
		return -1;
	w->sources = grown;
	*out = (uint32_t)w->source_count;
	w->sources[w->source_count++] = source;
	return 0;
}

static bool is_member(const struct tree_node *n)
{
	return n->inode->type == TREE_FILE && n->inode->content == CONTENT_MEMBER;
}

static int by_member(const void *a, const void *b)
{
	const struct member *x = a, *y = b;
	uint32_t mx = x->node->inode->member, my = y->node->inode->member;

	if (x->source != y->source)
		return x->source < y->source ? -1 : 1;
	if (mx != my)
		return mx < my ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

static int collect_members(struct walk *w)
{
	size_t n = 0;

	for (size_t i = 0; i < w->count; i++)
		n += is_member(w->nodes[i]);
	w->members = malloc((n ? n : 1) * sizeof(*w->members));
	if (!w->members)
		return -1;
	for (size_t i = 0; i < w->count; i++) {
		const struct tree_node *node = w->nodes[i];
		struct member m = { .node = node, .order = (uint32_t)i };

		if (!is_member(node) || !first_name(w, node))
			continue;
		if (source_number(w, node->inode->source, &m.source) < 0)
			return -1;
		w->members[w->member_count++] = m;
	}
	qsort(w->members, w->member_count, sizeof(*w->members), by_member);
	return 0;
}

static int entry_write(struct walk *w, const struct tree_node *node, struct error *err)
{
	_cleanup_free_ char *path = tree_path(node);

	if (!path)
		return error_set(err, ENOMEM, "file tree");
	w->ino++;
	if (node->inode->names > 1)
		names_of(w, node->inode)->ino = w->ino;
	if (w->watch && node->inode->type == TREE_FILE && !node->inode->late &&
	    w->watch->file(w->watch, path, node->inode, false, err) < 0)
		return -1;
	return w->writer->entry(w->writer, path, node->inode, w->ino, NULL, err);
}

/* One more name of a file that was written before. */
static int entry_write_link(struct walk *w, const struct tree_node *node, struct error *err)
{
	const struct linked *file = names_of(w, node->inode);
	_cleanup_free_ char *first = tree_path(file->node), *path = tree_path(node);

	if (!first || !path)
		return error_set(err, ENOMEM, "file tree");
	if (w->watch && node->inode->type == TREE_FILE && w->watch->file(w->watch, path, node->inode, true, err) < 0)
		return -1;
	return w->writer->entry(w->writer, path, node->inode, file->ino, first, err);
}

/* The other names of a file that has just been written whole: at once where all directories are there, else each in its
 * own place. */
static int entry_write_links(struct walk *w, const struct tree_node *node, struct error *err)
{
	const struct linked *l;

	if (!w->member_count || node->inode->names < 2 || node->inode->type == TREE_DIR)
		return 0;
	for (l = names_of(w, node->inode); l < w->linked + w->linked_count && l->inode == node->inode; l++)
		if (l->node != node && entry_write_link(w, l->node, err) < 0)
			return -1;
	return 0;
}

static int entry_write_data(struct walk *w, const void *bytes, size_t n, struct error *err)
{
	if (w->watch && w->watch->data(w->watch, bytes, n, err) < 0)
		return -1;
	if (w->writer->data(w->writer, bytes, n, err) < 0)
		return -1;
	w->done += n;
	progress_at(w->done, w->total);
	return 0;
}

/* A file that does not come out of an archive, with its content. */
static int entry_write_file(struct walk *w, const struct tree_node *node, struct error *err)
{
	_cleanup_stream_ struct stream *s = NULL;
	uint64_t left = node->inode->size;
	ssize_t r;

	if (entry_write(w, node, err) < 0)
		return -1;
	if (node->inode->content == CONTENT_MEMORY)
		return entry_write_data(w, node->inode->bytes, left, err) < 0 ? -1 : entry_write_links(w, node, err);
	if (!left)
		return entry_write_links(w, node, err);
	s = tree_open(node, err);
	if (!s)
		return -1;
	while ((r = s->read(s, w->chunk, CHUNK, err)) > 0) {
		if ((uint64_t)r > left)
			return error_say(err, ESTALE, "%s has grown since it was looked at", node->name);
		left -= (uint64_t)r;
		if (entry_write_data(w, w->chunk, (size_t)r, err) < 0)
			return -1;
	}
	if (r < 0)
		return error_wrap(err, "%s", node->name);
	if (left)
		return error_say(err, ESTALE, "%s has shrunk since it was looked at", node->name);
	return entry_write_links(w, node, err);
}

static int entry_write_member(struct walk *w, struct archive *a, const struct tree_node *node, struct error *err)
{
	ssize_t r;

	if (a->tar.entry.type != TAR_FILE || a->tar.entry.size != node->inode->size)
		return error_say(err, ESTALE, "%s: the archive has changed since it was read first", node->name);
	if (entry_write(w, node, err) < 0)
		return -1;
	while ((r = archive_read(a, w->chunk, CHUNK, err)) > 0)
		if (entry_write_data(w, w->chunk, (size_t)r, err) < 0)
			return -1;
	return r < 0 ? -1 : entry_write_links(w, node, err);
}

/* One pass over a source. A member that is wanted twice (copies of a file) waits for the next pass. */
static int source_pass(struct walk *w, struct member *from, struct member *end, bool *left, struct error *err)
{
	_cleanup_archive_ struct archive a = { 0 };
	struct member *m = from;
	int r;

	*left = false;
	if (archive_open(&a, w->sources[from->source], "layer", err) < 0)
		return -1;
	for (; m < end; m++) {
		if (m->done)
			continue;
		if (a.count && a.index == m->node->inode->member) {
			*left = true;
			continue;
		}
		while ((r = archive_next(&a, err)) > 0 && a.index != m->node->inode->member)
			;
		if (r == 0)
			return error_say(err, ESTALE, "%s: the archive has changed since it was read first",
					 m->node->name);
		if (r < 0 || entry_write_member(w, &a, m->node, err) < 0)
			return -1;
		m->done = true;
	}
	return archive_finish(&a, err);
}

static int all_members(struct walk *w, struct error *err)
{
	struct member *end, *last = w->members + w->member_count;

	for (struct member *m = w->members; m < last; m = end) {
		bool left = true;

		for (end = m; end < last && end->source == m->source; end++)
			;
		while (left)
			if (source_pass(w, m, end, &left, err) < 0)
				return -1;
	}
	return 0;
}

static int walk_prepare(struct walk *w, const struct tree *t, struct error *err)
{
	w->nodes = malloc((t->node_count + 1) * sizeof(struct tree_node *));
	w->chunk = malloc(CHUNK);
	if (!w->nodes || !w->chunk)
		return error_set(err, ENOMEM, "file tree");
	w->nodes[w->count++] = t->root;
	if (add_children(w, t->root) < 0 || collect_links(w) < 0 || collect_members(w) < 0)
		return error_set(err, ENOMEM, "file tree");
	w->total = tree_size(t);
	return 0;
}

/* A name that is no member of an archive, in the order of the tree. */
static int entry_write_single(struct walk *w, const struct tree_node *node, struct error *err)
{
	if (first_name(w, node))
		return entry_write_file(w, node, err);
	return w->member_count ? 0 : entry_write_link(w, node, err);
}

/* Files that tell of all the others. They are written last in every format, so that it is the same whether it is the
 * first that is made of the tree or not. */
static int all_late(struct walk *w, struct error *err)
{
	struct tree_watch *watch = w->watch;

	w->watch = NULL;
	if (watch && watch->last(watch, err) < 0)
		return -1;
	if (watch)
		watch->done = true;
	for (size_t i = 0; i < w->count; i++)
		if (w->nodes[i]->inode->late && entry_write_file(w, w->nodes[i], err) < 0)
			return -1;
	return 0;
}

/* With members of archives to come the directories go first: their files arrive in the archives' order. Else all goes
 * in the order of the tree, a directory right in front of its children. */
int tree_walk(const struct tree *t, struct tree_writer *writer, struct error *err)
{
	_cleanup_walk_ struct walk w = { .writer = writer };

	if (t->watch && !t->watch->done)
		w.watch = t->watch;
	if (walk_prepare(&w, t, err) < 0)
		return -1;
	for (size_t i = 0; w.member_count && i < w.count; i++)
		if (node_is_dir(w.nodes[i]) && entry_write(&w, w.nodes[i], err) < 0)
			return -1;
	for (size_t i = 0; i < w.count; i++) {
		const struct tree_node *node = w.nodes[i];

		if (node_is_dir(node)) {
			if (!w.member_count && entry_write(&w, node, err) < 0)
				return -1;
			continue;
		}
		if (!node->inode->late && !is_member(node) && entry_write_single(&w, node, err) < 0)
			return -1;
	}
	return all_members(&w, err) < 0 ? -1 : all_late(&w, err);
}

/* Every name counts its share of the file: a few bytes are lost to rounding, which a progress line can bear. */
static void size_below(const struct tree_node *dir, uint64_t *sum)
{
	for (const struct tree_node *n = dir->children; n; n = n->next) {
		if (n->inode->type == TREE_FILE)
			*sum += n->inode->size / n->inode->names;
		size_below(n, sum);
	}
}

uint64_t tree_size(const struct tree *t)
{
	uint64_t sum = 0;

	size_below(t->root, &sum);
	return sum;
}
