/* The libraries that programs need. Every file of the tree is a job; a file that is added becomes one more, so that
 * what libraries need is found in turn (closure_work).
 *
 *   file_look()          an ELF file says its interpreter and what it needs
 *     interpreter_need() at the very path that it names
 *     library_need()     by its run path, else in the tree, else in the unpacked packages (find_library); where none
 *                        has it, the next level of packages is unpacked (unpack_more), and all are asked again */
#include "closure.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "elf.h"
#include "str.h"
#include "unpacked.h"

/* An ELF file of the image whose needs are not looked at yet. */
struct job {
	char *path; /* in the tree */
};

struct closure {
	struct tree *tree;
	struct debian *debs;
	const struct tree_meta *meta;
	const char *triplet;
	struct job *jobs;
	size_t count, cap, next;
	unsigned unpacked; /* levels of packages */
};

static const struct {
	const char *arch, *triplet;
} triplets[] = {
	{ "amd64", "x86_64-linux-gnu" },
	{ "arm64", "aarch64-linux-gnu" },
	{ "riscv64", "riscv64-linux-gnu" },
};

static int closure_push(struct closure *c, const char *path, struct error *err)
{
	if (c->count == c->cap) {
		size_t cap = c->cap ? 2 * c->cap : 32;
		struct job *grown = reallocarray(c->jobs, cap, sizeof(*grown));

		if (!grown)
			return error_set(err, ENOMEM, "libraries");
		c->jobs = grown;
		c->cap = cap;
	}
	c->jobs[c->count].path = strdup(path);
	if (!c->jobs[c->count].path)
		return error_set(err, ENOMEM, "libraries");
	c->count++;
	return 0;
}

/* --- finding ----------------------------------------------------------------------------------- */

/* Where NAME is in one of the unpacked packages, as a path of the host; NULL: nowhere. dir: without a leading slash. */
static char *find_in(const struct closure *c, const char *dir, const char *name)
{
	_cleanup_free_ char *path = str_format("%s/%s", dir, name);
	size_t i;

	for (i = 0; path && i < c->debs->count; i++) {
		char *found = c->debs->list[i].dir ? unpacked_find(c->debs->list[i].dir, path) : NULL;

		if (found)
			return found;
	}
	return NULL;
}

/* Where the loader looks without being told, the distribution's multiarch directories first. */
static char *library_dir(const struct closure *c, size_t i)
{
	switch (i) {
	case 0:
		return str_format("lib/%s", c->triplet);
	case 1:
		return str_format("usr/lib/%s", c->triplet);
	case 2:
		return strdup("lib64");
	case 3:
		return strdup("usr/lib64");
	case 4:
		return strdup("lib");
	default:
		return strdup("usr/lib");
	}
}
#define LIBRARY_DIRS 6

static char *find_library(const struct closure *c, const char *name)
{
	char *found = NULL;
	size_t i;

	for (i = 0; i < LIBRARY_DIRS && !found; i++) {
		_cleanup_free_ char *dir = library_dir(c, i);

		found = dir ? find_in(c, dir, name) : NULL;
	}
	return found;
}

/* --- adding ------------------------------------------------------------------------------------ */

static int closure_add_file(struct closure *c, const char *path, const char *host, struct error *err)
{
	struct tree_meta meta = *c->meta;

	meta.mode = 0755;
	if (!tree_add_file(c->tree, path, &meta, host, err))
		return -1;
	return closure_push(c, path, err);
}

static bool in_tree(const struct closure *c, const char *name)
{
	size_t i;

	for (i = 0; i < LIBRARY_DIRS; i++) {
		_cleanup_free_ char *dir = library_dir(c, i);
		_cleanup_free_ char *path = dir ? str_format("%s/%s", dir, name) : NULL;

		if (path && tree_find(c->tree, path))
			return true;
	}
	return false;
}

/* "$ORIGIN/../lib" of usr/bin/x: "usr/bin/../lib"; without a leading slash. */
static char *run_dir(const char *entry, const char *user)
{
	const char *slash = strrchr(user, '/');
	const char *rest = str_starts(entry, "$ORIGIN") ? entry + 7 : str_starts(entry, "${ORIGIN}") ? entry + 9 : NULL;

	if (rest)
		return str_format("%.*s%s", slash ? (int)(slash - user) : 0, user, rest);
	return entry[0] == '/' ? strdup(entry + 1) : NULL;
}

/* 1: there now, 0: no run path has it. */
static int by_runpath(struct closure *c, const struct elf *e, const char *user, const char *name, struct error *err)
{
	size_t i;

	for (i = 0; e->runpath && e->runpath[i]; i++) {
		_cleanup_free_ char *dir = run_dir(e->runpath[i], user);
		_cleanup_free_ char *path = dir ? str_format("%s/%s", dir, name) : NULL;
		_cleanup_free_ char *host = NULL;

		/* Paths of a tree have no "..": such a run path is one of the default directories or of no use here. */
		if (!path || strstr(path, ".."))
			continue;
		if (tree_find(c->tree, path))
			return 1;
		host = find_in(c, dir, name);
		if (host)
			return closure_add_file(c, path, host, err) < 0 ? -1 : 1;
	}
	return 0;
}

/* Unpacks the next level of packages; 0 when there is none left. */
static int unpack_more(struct closure *c, struct error *err)
{
	if (c->unpacked >= c->debs->levels)
		return 0;
	return debian_unpack(c->debs, c->unpacked++, err) < 0 ? -1 : 1;
}

static int library_need(struct closure *c, const struct elf *e, const char *user, const char *name, struct error *err)
{
	_cleanup_free_ char *path = str_format("usr/lib/%s/%s", c->triplet, name);
	int more = 1, r;

	if (!path)
		return error_set(err, ENOMEM, "libraries");
	if (strchr(name, '/'))
		return error_set(err, 0, "%s needs %s: libraries named by path are not supported", user, name);
	while (more > 0) {
		_cleanup_free_ char *host = NULL;

		r = by_runpath(c, e, user, name, err);
		if (r != 0)
			return r < 0 ? -1 : 0;
		if (in_tree(c, name))
			return 0;
		host = find_library(c, name);
		if (host)
			return closure_add_file(c, path, host, err);
		more = unpack_more(c, err);
	}
	if (more < 0)
		return -1;
	return error_set(err, 0,
			 "/%s needs the library %s, which none of the packages has: name the one that does under "
			 "packages",
			 user, name);
}

static int interpreter_need(struct closure *c, const struct elf *e, const char *user, struct error *err)
{
	const char *path = e->interpreter ? e->interpreter + 1 : NULL;
	int more = 1;

	if (!path || tree_find(c->tree, path))
		return 0;
	while (more > 0) {
		_cleanup_free_ char *host = find_library(c, strrchr(e->interpreter, '/') + 1);

		if (host)
			return closure_add_file(c, path, host, err);
		more = unpack_more(c, err);
	}
	return more < 0 ? -1
			: error_set(err, 0, "/%s needs the interpreter %s, which none of the packages has", user,
				    e->interpreter);
}

/* --- the files --------------------------------------------------------------------------------- */

/* The interpreter is a library as well, and known by its name to those that need it. */
static bool is_interpreter(const struct elf *e, const char *name)
{
	const char *base = e->interpreter ? strrchr(e->interpreter, '/') + 1 : NULL;

	return (base && str_eq(base, name)) || str_starts(name, "ld-linux") || str_starts(name, "ld64.so");
}

static int elf_needs(struct closure *c, const struct elf *e, const char *path, struct error *err)
{
	size_t i;

	if (interpreter_need(c, e, path, err) < 0)
		return -1;
	for (i = 0; e->needed && e->needed[i]; i++)
		if (!is_interpreter(e, e->needed[i]) && library_need(c, e, path, e->needed[i], err) < 0)
			return -1;
	return 0;
}

static int file_look(struct closure *c, const char *path, const char *host, struct error *err)
{
	_cleanup_close_ int fd = open(host, O_RDONLY | O_CLOEXEC);
	_cleanup_elf_ struct elf e = { 0 };
	struct stat st;
	void *map;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return error_set(err, errno, "%s", host);
	if (st.st_size < 64)
		return 0;
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return error_set(err, errno, "%s", host);
	r = elf_parse(map, (size_t)st.st_size, &e, err);
	munmap(map, (size_t)st.st_size);
	if (r < 0)
		return error_wrap(err, "/%s", path);
	return r == 0 ? 0 : elf_needs(c, &e, path, err);
}

static int closure_collect(struct closure *c, const struct tree_node *dir, struct error *err)
{
	const struct tree_node *n;

	for (n = dir->children; n; n = n->next) {
		if (n->inode->type == TREE_DIR) {
			if (closure_collect(c, n, err) < 0)
				return -1;
		} else if (n->inode->type == TREE_FILE && n->inode->content == CONTENT_FILE) {
			_cleanup_free_ char *path = tree_path(n);

			if (!path || closure_push(c, path, err) < 0)
				return error_set(err, ENOMEM, "libraries");
		}
	}
	return 0;
}

/* In the order of the paths, so that the same files are looked at in the same order everywhere. */
static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct job *)a)->path, ((const struct job *)b)->path);
}

static int closure_work(struct closure *c, struct error *err)
{
	if (closure_collect(c, c->tree->root, err) < 0)
		return -1;
	qsort(c->jobs, c->count, sizeof(*c->jobs), by_path);
	for (; c->next < c->count; c->next++) {
		_cleanup_free_ char *path = strdup(c->jobs[c->next].path);
		const struct tree_node *n = path ? tree_find(c->tree, path) : NULL;

		if (!path)
			return error_set(err, ENOMEM, "libraries");
		if (n && file_look(c, path, n->inode->path, err) < 0)
			return -1;
	}
	return 0;
}

int closure_add(struct tree *tree, struct debian *debs, const struct tree_meta *meta, struct error *err)
{
	struct closure c = { .tree = tree, .debs = debs, .meta = meta, .unpacked = 1 };
	size_t i;
	int r;

	for (i = 0; i < array_len(triplets); i++)
		if (str_eq(triplets[i].arch, debs->arch))
			c.triplet = triplets[i].triplet;
	if (!c.triplet)
		return error_set(err, 0, "libraries for architecture %s are not known", debs->arch);
	r = closure_work(&c, err);
	for (i = 0; i < c.count; i++)
		free(c.jobs[i].path);
	free(c.jobs);
	return r;
}
