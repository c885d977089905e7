/* Choosing among the files of unpacked packages. What a package has below /bin, /sbin and /lib goes below /usr, where
 * these links lead (path_merged). */
#include "select.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <sys/stat.h>

#include "str.h"

struct selection {
	struct tree *tree;
	const char *root; /* of the unpacked package */
	char *const *include, *const *exclude;
	bool *used; /* a flag for every pattern of include */
	const struct tree_meta *meta;
};

/* Debian 13 has everything below /usr; so have we, also from Debian 12's packages that still have a file at /bin. */
static char *path_merged(const char *path)
{
	static const char *const dirs[] = { "bin", "sbin", "lib", "lib64" };
	size_t i;

	while (*path == '/')
		path++;
	for (i = 0; i < array_len(dirs); i++) {
		size_t n = strlen(dirs[i]);

		if (str_starts(path, dirs[i]) && (path[n] == '/' || path[n] == '\0'))
			return str_format("usr/%s", path);
	}
	return strdup(path);
}

bool select_match(const char *pattern, const char *path)
{
	_cleanup_free_ char *part = strdup(path), *merged_pattern = path_merged(pattern);
	char *slash;

	while (part && merged_pattern) {
		if (fnmatch(merged_pattern, part, FNM_PATHNAME) == 0)
			return true;
		slash = strrchr(part, '/');
		if (!slash)
			return false;
		*slash = '\0';
	}
	return false;
}

static bool path_wanted(const struct selection *s, const char *path)
{
	bool found = !s->include;
	size_t i;

	for (i = 0; s->exclude && s->exclude[i]; i++)
		if (select_match(s->exclude[i], path))
			return false;
	for (i = 0; s->include && s->include[i]; i++)
		if (select_match(s->include[i], path))
			found = s->used[i] = true;
	return found;
}

static int select_add_one(const struct selection *s, const char *path, const char *host, const struct stat *st,
			  struct error *err)
{
	struct tree_meta meta = *s->meta;
	char target[4096];
	ssize_t n;

	meta.mode = st->st_mode & 07777;
	if (S_ISDIR(st->st_mode))
		return tree_add_dir(s->tree, path, &meta, err) ? 0 : -1;
	if (S_ISREG(st->st_mode))
		return tree_add_file(s->tree, path, &meta, host, err) ? 0 : -1;
	if (!S_ISLNK(st->st_mode))
		return error_set(err, 0, "%s is neither file, directory nor link", path);
	n = readlink(host, target, sizeof(target) - 1);
	if (n < 0)
		return error_set(err, errno, "%s", host);
	target[n] = '\0';
	meta.mode = 0777;
	return tree_add_symlink(s->tree, path, &meta, target, err) ? 0 : -1;
}

static int select_take(const struct selection *s, const char *below, const char *from, const struct stat *st,
		       struct error *err)
{
	_cleanup_free_ char *path = path_merged(below);

	if (!path)
		return error_set(err, ENOMEM, "%s", below);
	return path_wanted(s, path) ? select_add_one(s, path, from, st, err) : 0;
}

static int select_walk(const struct selection *s, const char *path, struct error *err)
{
	_cleanup_free_ char *host = str_format("%s%s%s", s->root, *path ? "/" : "", path);
	_cleanup_closedir_ DIR *d = host ? opendir(host) : NULL;
	struct dirent *e;

	if (!d)
		return error_set(err, host ? errno : ENOMEM, "%s", path);
	while ((e = readdir(d))) {
		_cleanup_free_ char *below = str_format("%s%s%s", path, *path ? "/" : "", e->d_name);
		_cleanup_free_ char *from = below ? str_format("%s/%s", s->root, below) : NULL;
		struct stat st;

		if (str_eq(e->d_name, ".") || str_eq(e->d_name, ".."))
			continue;
		if (!from)
			return error_set(err, ENOMEM, "%s", path);
		if (lstat(from, &st) < 0)
			return error_set(err, errno, "%s", from);
		if (select_take(s, below, from, &st, err) < 0)
			return -1;
		if (S_ISDIR(st.st_mode) && select_walk(s, below, err) < 0)
			return -1;
	}
	return 0;
}

static int check_used(const struct selection *s, struct error *err)
{
	size_t i;

	for (i = 0; s->include && s->include[i]; i++)
		if (!s->used[i])
			return error_set(err, 0, "include: \"%s\" matches nothing in the packages", s->include[i]);
	return 0;
}

int select_add(struct tree *tree, const struct debian *debs, char *const *include, char *const *exclude,
	       const struct tree_meta *meta, struct error *err)
{
	struct selection s = { .tree = tree, .include = include, .exclude = exclude, .meta = meta };
	_cleanup_free_ bool *used = calloc(strv_len(include) + 1, sizeof(*used));
	size_t i;

	if (!used)
		return error_set(err, ENOMEM, "Debian packages");
	s.used = used;
	for (i = 0; i < debs->count; i++) {
		s.root = debs->list[i].dir;
		if (debs->list[i].level == 0 && select_walk(&s, "", err) < 0)
			return error_wrap(err, "package %s", debs->list[i].control.name);
	}
	return check_used(&s, err);
}
