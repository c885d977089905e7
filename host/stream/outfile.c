/* Output files that appear whole or not at all.
 *
 *   outfile_open()        a file without a name beside the target (open_beside), or in a temporary directory where the
 *                         target is a device or a fifo, which is kept (open_kept); the caller writes into out->fd
 *   outfile_commit()
 *     outfile_settle()    the bytes are on disk, and the mode is right
 *     link_temp()         a file without a name gets a temporary one: linkat(2) cannot replace what exists
 *     outfile_replace()   it takes the target's name; into a target that is kept the bytes are copied (kept_fill)
 *   outfile_discard()     at any time before that: nothing is left
 *
 * Where the file system knows no files without a name, a guard (guard.h) removes the temporary one if we are killed. */
#include "outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/vfs.h>

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

/* --- what is there ------------------------------------------------------------------------------------------------ */

/* Links of /proc (/dev/stdout leads to one) stand for an open file, not for a name. */
static bool on_proc(const char *dir)
{
	struct statfs fs;

	return statfs(dir, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC;
}

/* As Linux does it with fs.protected_symlinks, which not every system sets: where everybody may make links, only those
 * of the caller, of the directory's owner and of root lead anywhere. */
static bool link_trusted(const char *dir, const struct stat *link)
{
	struct stat st;

	if (link->st_uid == geteuid() || link->st_uid == 0)
		return true;
	if (stat(dir, &st) < 0)
		return false;
	return (st.st_mode & (S_ISVTX | S_IWOTH)) != (S_ISVTX | S_IWOTH) || link->st_uid == st.st_uid;
}

static char *link_target(const char *path, const char *dir, struct error *err)
{
	char text[PATH_MAX];
	ssize_t n = readlink(path, text, sizeof(text) - 1);
	char *target;

	if (n < 0) {
		error_set(err, errno, "%s", path);
		return NULL;
	}
	text[n] = '\0';
	target = text[0] == '/' ? strdup(text) : str_format("%s/%s", dir, text);
	if (!target)
		error_set(err, ENOMEM, "%s", path);
	return target;
}

char *outfile_target(const char *path, struct error *err)
{
	_cleanup_free_ char *at = strdup(path);
	int links;

	for (links = 0; at && links < 40; links++) {
		_cleanup_free_ char *dir = parent_of(at), *next = NULL;
		struct stat st;

		if (!dir)
			break;
		if (lstat(at, &st) < 0 || !S_ISLNK(st.st_mode) || on_proc(dir))
			return steal_ptr(&at);
		if (!link_trusted(dir, &st)) {
			error_set(err, 0, "%s: a link of user %u, in a directory where everybody may make one", at,
				  st.st_uid);
			return NULL;
		}
		next = link_target(at, dir, err);
		if (!next)
			return NULL;
		free(at);
		at = steal_ptr(&next);
	}
	error_set(err, at ? ELOOP : ENOMEM, "%s", path);
	return NULL;
}

/* Whether the output is written into the existing file (a device, a fifo) instead of replacing it. 1, 0, or -1. */
static int is_kept(const char *path, const char *dir, struct error *err)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return errno == ENOENT ? 0 : error_set(err, errno, "%s", path);
	if (S_ISDIR(st.st_mode))
		return error_set(err, EISDIR, "%s", path);
	if (S_ISSOCK(st.st_mode))
		return error_set(err, 0, "%s: this is a socket, which cannot be written as a file", path);
	if (S_ISREG(st.st_mode) && !on_proc(dir))
		return 0;
	return access(path, W_OK) < 0 ? error_set(err, errno, "%s", path) : 1;
}

/* --- one file ----------------------------------------------------------------------------------------------------- */

int temp_file_open(struct error *err)
{
	const char *env = getenv("TMPDIR"), *dir = env && env[0] == '/' ? env : "/var/tmp";
	_cleanup_free_ char *name = NULL;
	int fd = open(dir, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);

	if (fd >= 0)
		return fd;
	name = str_format("%s/pith.XXXXXX", dir);
	fd = name ? mkostemp(name, O_CLOEXEC) : -1;
	if (fd < 0)
		return error_set(err, errno, "no temporary file in %s", dir);
	unlink(name); /* we have just made it */
	return fd;
}

/* Devices and fifos get it whole, when it is whole: until then it is a file without a name. */
static int open_kept(struct outfile *out, struct error *err)
{
	out->fd = temp_file_open(err);
	return out->fd < 0 ? error_wrap(err, "%s", out->path) : 0;
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

static int open_beside(struct outfile *out, const char *dir, struct error *err)
{
	out->fd = open(dir, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	if (out->fd >= 0)
		return 0;
	/* EISDIR: a kernel or, with EOPNOTSUPP, a file system without O_TMPFILE */
	if (errno != EISDIR && errno != EOPNOTSUPP && errno != EINVAL)
		return error_set(err, errno, "%s: cannot be created", out->path);
	return open_named(out, err);
}

int outfile_open(struct outfile *out, const char *path, struct error *err)
{
	_cleanup_free_ char *target = outfile_target(path, err), *dir = NULL;
	int kept;

	*out = (struct outfile)OUTFILE_INIT;
	if (!target)
		return -1;
	dir = parent_of(target);
	kept = dir ? is_kept(target, dir, err) : error_set(err, ENOMEM, "%s", path);
	if (kept < 0)
		return -1;
	out->kept = kept;
	out->name = strdup(path);
	out->path = steal_ptr(&target);
	if (!out->name)
		error_set(err, ENOMEM, "%s", path);
	else if ((kept ? open_kept(out, err) : open_beside(out, dir, err)) == 0)
		return 0;
	outfile_discard(out);
	return -1;
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
static int outfile_settle(struct outfile *out, mode_t mode, struct error *err)
{
	mode_t mask = umask(0);

	umask(mask);
	if (out->kept)
		return 0;
	if (fchmod(out->fd, mode & ~mask) < 0 || (!out->brief && fsync(out->fd) < 0))
		return error_set(err, errno, "writing %s", out->path);
	return 0;
}

static int copy_into(int from, int to)
{
	char chunk[65536];
	off_t at = 0;
	ssize_t n;

	while ((n = io_pread(from, chunk, sizeof(chunk), at)) > 0) {
		if (io_write(to, chunk, (size_t)n) < 0)
			return -1;
		at += n;
	}
	/* Only a disk has something to bring down. */
	return n < 0 || (fsync(to) < 0 && errno != EINVAL && errno != EROFS && errno != ENOTSUP) ? -1 : 0;
}

/* Waits for the reader of a fifo, as every program does that writes into one. */
static int kept_fill(struct outfile *out, struct error *err)
{
	_cleanup_close_ int fd = open(out->path, O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOCTTY);

	if (fd < 0 || copy_into(out->fd, fd) < 0)
		return error_set(err, errno, "writing %s", out->path);
	return 0;
}

static int outfile_replace(struct outfile *out, struct error *err)
{
	if (out->kept)
		return kept_fill(out, err);
	if (rename(out->temp, out->path) < 0)
		return error_set(err, errno, "%s: cannot be replaced", out->path);
	free(steal_ptr(&out->temp));
	guard_release(&out->guard);
	return 0;
}

int outfile_commit(struct outfile *out, mode_t mode, struct error *err)
{
	int r = outfile_settle(out, mode, err);

	if (r == 0 && !out->temp && !out->kept)
		r = link_temp(out, err);
	if (r == 0)
		r = outfile_replace(out, err);
	outfile_discard(out);
	return r;
}

int outfile_keep(struct outfile_set *set, struct outfile *out, mode_t mode, struct error *err)
{
	struct outfile *bigger;

	if (!set)
		return outfile_commit(out, mode, err);
	if (outfile_settle(out, mode, err) < 0)
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
		if (str_eq(set->files[i].name, path))
			return true;
	return false;
}

int outfile_set_remove(struct outfile_set *set, const char *path, struct error *err)
{
	return strv_add(&set->gone, path) < 0 ? error_set(err, ENOMEM, "%s", path) : 0;
}

/* Devices and fifos stay, and so does a link: what it leads to goes. */
static int remove_regular(const char *path, struct error *err)
{
	_cleanup_free_ char *target = outfile_target(path, err);
	struct stat st;

	if (!target)
		return -1;
	if (lstat(target, &st) < 0)
		return errno == ENOENT ? 0 : error_set(err, errno, "%s", path);
	if (S_ISREG(st.st_mode) && unlink(target) < 0 && errno != ENOENT)
		return error_set(err, errno, "%s", path);
	return 0;
}

/* Names first, which need room on the disk; renaming needs none. */
int outfile_set_commit(struct outfile_set *set, struct error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < set->count; i++)
		if (!set->files[i].temp && !set->files[i].kept)
			r = link_temp(&set->files[i], err);
	for (size_t i = 0; r == 0 && i < set->count; i++)
		r = outfile_replace(&set->files[i], err);
	for (char **path = set->gone; r == 0 && path && *path; path++)
		r = remove_regular(*path, err);
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
	free(steal_ptr(&out->name));
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
