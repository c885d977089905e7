#include "outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "guard.h"
#include "io.h"
#include "str.h"

/* ".NAME.XXXXXXXXXXXX.tmp" beside path; NULL without memory. */
static char *temp_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	uint64_t number = 0;

	if (getrandom(&number, sizeof(number), 0) < 0)
		number = (uint64_t)getpid();
	return str_format("%.*s.%s.%012llx.tmp", slash ? (int)(slash + 1 - path) : 0, path, slash ? slash + 1 : path,
			  (unsigned long long)number & 0xffffffffffff);
}

static char *parent_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return strdup(".");
	return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

static int open_named(struct outfile *out, struct error *err)
{
	out->temp = temp_name(out->path);
	if (!out->temp)
		return error_set(err, ENOMEM, "%s", out->path);
	out->fd = open(out->temp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (out->fd < 0) {
		int code = errno;

		free(steal_ptr(&out->temp)); /* not ours to remove */
		return error_set(err, code, "%s: cannot be created", out->path);
	}
	out->guard = guard_start(out->temp, err);
	return out->guard < 0 ? -1 : 0;
}

int outfile_open(struct outfile *out, const char *path, struct error *err)
{
	_cleanup_free_ char *dir = parent_of(path);
	struct stat st;

	*out = (struct outfile)OUTFILE_INIT;
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return error_set(err, EISDIR, "%s", path);
	out->path = strdup(path);
	if (!out->path || !dir)
		return error_set(err, ENOMEM, "%s", path);
	out->fd = open(dir, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	if (out->fd >= 0)
		return 0;
	/* EISDIR: a kernel or, with EOPNOTSUPP, a file system without O_TMPFILE */
	if (errno != EISDIR && errno != EOPNOTSUPP && errno != EINVAL) {
		error_set(err, errno, "%s: cannot be created", path);
		outfile_discard(out);
		return -1;
	}
	if (open_named(out, err) < 0) {
		outfile_discard(out);
		return -1;
	}
	return 0;
}

/* Gives the nameless file a temporary name: linkat(2) cannot replace what exists. */
static int link_temp(struct outfile *out, struct error *err)
{
	char proc[40];
	char *temp = temp_name(out->path);

	if (!temp)
		return error_set(err, ENOMEM, "%s", out->path);
	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", out->fd);
	if (linkat(AT_FDCWD, proc, AT_FDCWD, temp, AT_SYMLINK_FOLLOW) < 0) {
		free(temp);
		return error_set(err, errno, "%s: cannot be created", out->path);
	}
	out->temp = temp;
	return 0;
}

/* All that can fail for the content's sake. */
static int settle(struct outfile *out, mode_t mode, struct error *err)
{
	mode_t mask = umask(0);

	umask(mask);
	if (fchmod(out->fd, mode & ~mask) < 0 || fsync(out->fd) < 0)
		return error_set(err, errno, "writing %s", out->path);
	return 0;
}

static int replace(struct outfile *out, struct error *err)
{
	if (rename(out->temp, out->path) < 0)
		return error_set(err, errno, "%s: cannot be replaced", out->path);
	free(steal_ptr(&out->temp));
	guard_release(&out->guard);
	return 0;
}

int outfile_commit(struct outfile *out, mode_t mode, struct error *err)
{
	int r = settle(out, mode, err);

	if (r == 0 && !out->temp)
		r = link_temp(out, err);
	if (r == 0)
		r = replace(out, err);
	outfile_discard(out);
	return r;
}

int outfile_keep(struct outfile_set *set, struct outfile *out, mode_t mode, struct error *err)
{
	struct outfile *bigger;

	if (!set)
		return outfile_commit(out, mode, err);
	if (settle(out, mode, err) < 0)
		return -1;
	bigger = reallocarray(set->files, set->count + 1, sizeof(*bigger));
	if (!bigger)
		return error_set(err, ENOMEM, "%s", out->path);
	set->files = bigger;
	bigger[set->count++] = *out;
	*out = (struct outfile)OUTFILE_INIT;
	return 0;
}

bool outfile_set_has(const struct outfile_set *set, const char *path)
{
	for (size_t i = 0; i < set->count; i++)
		if (str_eq(set->files[i].path, path))
			return true;
	return false;
}

int outfile_set_remove(struct outfile_set *set, const char *path, struct error *err)
{
	return strv_add(&set->gone, path) < 0 ? error_set(err, ENOMEM, "%s", path) : 0;
}

/* Names first, which need room on the disk; renaming needs none. */
int outfile_set_commit(struct outfile_set *set, struct error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < set->count; i++)
		if (!set->files[i].temp)
			r = link_temp(&set->files[i], err);
	for (size_t i = 0; r == 0 && i < set->count; i++)
		r = replace(&set->files[i], err);
	for (char **path = set->gone; r == 0 && path && *path; path++)
		if (unlink(*path) < 0 && errno != ENOENT)
			r = error_set(err, errno, "%s", *path);
	outfile_set_discard(set);
	return r;
}

void outfile_set_discard(struct outfile_set *set)
{
	for (size_t i = 0; i < set->count; i++)
		outfile_discard(&set->files[i]);
	free(set->files);
	strv_free(set->gone);
	*set = (struct outfile_set){ 0 };
}

void outfile_discard(struct outfile *out)
{
	if (out->fd >= 0)
		close(steal_fd(&out->fd));
	if (out->temp)
		unlink(out->temp);
	guard_release(&out->guard);
	free(steal_ptr(&out->temp));
	free(steal_ptr(&out->path));
}

int temp_dir_make(struct temp_dir *dir, const char *parent, struct error *err)
{
	const char *env = getenv("TMPDIR");
	char *path = str_format("%s/pith.XXXXXX", parent ? parent : env && env[0] == '/' ? env : "/var/tmp");

	*dir = (struct temp_dir)TEMP_DIR_INIT;
	if (!path)
		return error_set(err, ENOMEM, "temporary directory");
	if (!mkdtemp(path)) {
		error_set(err, errno, "%s: cannot be created", path);
		free(path);
		return -1;
	}
	dir->path = path;
	dir->guard = guard_start(path, err);
	if (dir->guard < 0) {
		temp_dir_remove(dir);
		return -1;
	}
	return 0;
}

void temp_dir_remove(struct temp_dir *dir)
{
	if (dir->guard >= 0)
		guard_fire(&dir->guard);
	else if (dir->path)
		dir_remove(dir->path, NULL);
	free(steal_ptr(&dir->path));
}
