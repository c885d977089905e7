/* Walking over files of the host, each folder sorted. */
#include "walk.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "io.h"
#include "str.h"

/* Deeper trees are a mistake, such as a link that is mounted on itself. */
#define DEPTH_MAX 64

struct walk {
	walk_fn *fn;
	void *data;
	int depth;
};

static int visit(struct walk *w, const char *host, const char *path, struct error *err);

static int below(struct walk *w, const char *host, const char *path, struct error *err)
{
	_cleanup_strv_ char **list = dir_names(AT_FDCWD, host, true, err);
	size_t i;

	if (!list)
		return -1;
	if (++w->depth > DEPTH_MAX)
		return error_set(err, ELOOP, "%s", host);
	for (i = 0; list[i]; i++) {
		_cleanup_free_ char *h = str_format("%s/%s", host, list[i]);
		_cleanup_free_ char *p = str_format("%s%s%s", path, *path ? "/" : "", list[i]);

		if (!h || !p)
			return error_set(err, ENOMEM, "%s", host);
		if (visit(w, h, p, err) < 0)
			return -1;
	}
	w->depth--;
	return 0;
}

static int visit(struct walk *w, const char *host, const char *path, struct error *err)
{
	struct walk_entry e = { .path = path, .host = host };
	char target[4096];
	struct stat st;

	if ((*path ? lstat(host, &st) : stat(host, &st)) < 0)
		return error_set(err, errno, "%s", host);
	if (S_ISLNK(st.st_mode)) {
		ssize_t n = readlink(host, target, sizeof(target) - 1);

		if (n < 0)
			return error_set(err, errno, "%s", host);
		target[n] = '\0';
		e.type = WALK_SYMLINK;
		e.target = target;
		e.mode = 0777;
		return w->fn(w->data, &e, err);
	}
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return error_set(err, 0, "%s is neither file, directory nor link", host);
	e.type = S_ISDIR(st.st_mode) ? WALK_DIR : WALK_FILE;
	e.mode = S_ISDIR(st.st_mode) || (st.st_mode & 0111) ? 0755 : 0644;
	if (w->fn(w->data, &e, err) < 0)
		return -1;
	return e.type == WALK_DIR ? below(w, host, path, err) : 0;
}

int walk_host(const char *host, walk_fn *fn, void *data, struct error *err)
{
	return visit(&(struct walk){ .fn = fn, .data = data }, host, "", err);
}
