/* Fetching and unpacking. What talks to the mirrors does not have root's rights, and what it brings is copied to where
 * nobody else writes before its checksum is looked at. */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "beneath.h"
#include "debian_private.h"
#include "digest.h"
#include "io.h"
#include "paths.h"
#include "process.h"
#include "progress.h"
#include "spawn.h"
#include "str.h"
#include "toollog.h"

static int deb_verify(const char *path, const struct control *c, struct error *err)
{
	char hex[DIGEST_HEX];

	if (digest_file(path, hex, err) < 0)
		return -1;
	return str_eq(hex, c->sha256) ? 0 : error_set(err, EBADMSG, "%s: its checksum is not what apt says", path);
}

/* Where apt fetches to: a directory below dir, which stays root's, so that it cannot be replaced. What talks to the
 * mirrors must not have root's rights: apt gives them up for its own user, if that user can write where the file goes,
 * which it cannot below a home directory. Caller frees. */
static char *apt_fetch_dir(struct temp_dir *dir, struct error *err)
{
	const struct passwd *user = geteuid() == 0 ? getpwnam("_apt") : NULL;
	_cleanup_free_ char *path = NULL;

	if (temp_dir_make(dir, NULL, err) < 0)
		return NULL;
	path = str_format("%s/apt", dir->path);
	if (!path || mkdir(path, 0700) < 0 || (user && chmod(dir->path, 0711) < 0) ||
	    (user && chown(path, user->pw_uid, (gid_t)-1) < 0)) {
		error_set(err, path ? errno : ENOMEM, "%s", dir->path);
		return NULL;
	}
	return steal_ptr(&path);
}

/* apt names the file itself (with an escaped version): it is the only package in a directory of its own. */
static char *dir_only_deb(int dir)
{
	int fd = fcntl(dir, F_DUPFD_CLOEXEC, 3);
	_cleanup_closedir_ DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!d && fd >= 0)
		close(fd);
	while (d && (e = readdir(d)))
		if (str_ends(e->d_name, ".deb"))
			return strdup(e->d_name);
	return NULL;
}

static int deb_copy(int from, const char *name, int to, struct error *err)
{
	_cleanup_free_ char *chunk = malloc(1 << 17);
	ssize_t n = 1;

	if (!chunk)
		return error_set(err, ENOMEM, "%s", name);
	while (n > 0) {
		n = io_read(from, chunk, 1 << 17);
		if (n < 0 || io_write(to, chunk, (size_t)n) < 0)
			return error_set(err, errno, "%s", name);
	}
	return 0;
}

/* Into the cache, as a copy that is checked where nobody else writes. 0: there is no file. */
static int deb_take(const char *from, const struct control *c, const char *to, struct error *err)
{
	static const struct beneath_want want = { .type = S_IFREG, .owner = BENEATH_ANY_OWNER, .only_link = true };
	_cleanup_close_ int dir = open(from, O_PATH | O_DIRECTORY | O_CLOEXEC), list = -1, fd = -1;
	_cleanup_outfile_ struct outfile out = OUTFILE_INIT;
	char copied[BENEATH_FD_PATH_MAX];
	_cleanup_free_ char *name = NULL;

	list = dir < 0 ? -1 : openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	name = list < 0 ? NULL : dir_only_deb(list);
	if (!name)
		return 0;
	fd = beneath_open(dir, name, O_RDONLY, 0, &want, err);
	if (fd < 0 || outfile_open(&out, to, err) < 0 || deb_copy(fd, name, out.fd, err) < 0)
		return -1;
	if (deb_verify(beneath_fd_path(copied, out.fd), c, err) < 0)
		return error_wrap(err, "%s", name);
	return outfile_commit(&out, 0644, err) < 0 ? -1 : 1;
}

/* In a directory, whose size says how far it is. */
static int apt_run_measured(char *const *argv, char *cwd, int log, struct error *err)
{
	struct spawn_fd fds[] = { { log, 1 }, { log, 2 } };
	struct spawn s = { .path = argv[0],
			   .argv = argv,
			   .cwd = cwd,
			   .fds = fds,
			   .fd_count = array_len(fds),
			   .death_signal = SIGTERM };
	pid_t pid = spawn(&s, err);
	int status;

	if (pid < 0)
		return -1;
	progress_wait(pid, 0, progress_directory, cwd);
	status = child_reap(pid);
	return status < 0 ? error_set(err, errno, "%s", argv[0]) : status;
}

static int deb_fetch(struct debian *d, const struct control *c, const char *to, struct error *err)
{
	_cleanup_free_ char *spec = str_format("%s:%s=%s", c->name, c->arch, c->version);
	_cleanup_temp_dir_ struct temp_dir temp = TEMP_DIR_INIT;
	_cleanup_progress_ struct progress progress = { 0 };
	_cleanup_close_ int log = toollog_open(err);
	_cleanup_free_ char *why = NULL, *dir = NULL;
	_cleanup_strv_ char **argv = NULL;
	int status, taken = 0;
	size_t i;

	if (log < 0 || debian_lists(d, err) < 0)
		return -1;
	if (!spec)
		return error_set(err, ENOMEM, "fetch %s", c->name);
	/* "all" is no architecture to ask for. */
	if (str_eq(c->arch, "all"))
		sprintf(spec, "%s=%s", c->name, c->version);
	if (strv_add(&argv, "apt-get") < 0 || strv_add(&argv, "-qq") < 0 || strv_add(&argv, "download") < 0 ||
	    strv_add(&argv, spec) < 0)
		return error_set(err, ENOMEM, "fetch %s", c->name);
	for (i = 0; d->apt[i]; i++)
		if (strv_add(&argv, d->apt[i]) < 0)
			return error_set(err, ENOMEM, "fetch %s", c->name);
	dir = apt_fetch_dir(&temp, err);
	if (!dir)
		return -1;
	progress_begin(&progress, PROGRESS_ANNOUNCE, c->size, "fetching Debian package %s %s", c->name, c->version);
	status = apt_run_measured(argv, dir, log, err);
	progress_end(&progress);
	if (status < 0)
		return -1;
	taken = status == 0 ? deb_take(dir, c, to, err) : 0;
	if (taken < 0)
		return -1;
	if (!taken)
		return error_set(err, 0, "apt-get download %s failed: %s", spec,
				 (why = toollog_reason(log)) ? why : spawn_status_text(status));
	return 0;
}

static int deb_unpack(struct debian *d, struct deb *deb, struct error *err)
{
	const struct control *c = &deb->control;
	_cleanup_free_ char *name = str_format("debs/%s_%s_%s.deb", c->name, c->version, c->arch);
	_cleanup_free_ char *path = name ? path_cache(name, err) : NULL;
	_cleanup_(buf_free) struct buf output = { 0 };
	int status;

	if (!path)
		return error_set(err, ENOMEM, "unpack %s", c->name);
	if (access(path, R_OK) < 0 ? deb_fetch(d, c, path, err) < 0
				   : deb_verify(path, c, NULL) < 0 && deb_fetch(d, c, path, err) < 0)
		return -1;
	deb->dir = str_format("%s/%s", d->temp.path, c->name);
	if (!deb->dir)
		return error_set(err, ENOMEM, "unpack %s", c->name);
	status = apt_run((char *[]){ (char *)"dpkg-deb", (char *)"-x", path, deb->dir, NULL }, "/", &output, err);
	if (status == 0)
		return 0;
	return status < 0 ? -1
			  : error_set(err, 0, "dpkg-deb -x %s: %.*s", path, (int)strcspn(buf_text(&output), "\n"),
				      buf_text(&output));
}

int debian_unpack(struct debian *d, unsigned level, struct error *err)
{
	size_t i;

	if (!d->temp.path && temp_dir_make(&d->temp, NULL, err) < 0)
		return -1;
	for (i = 0; i < d->count; i++)
		if (d->list[i].level == level && !d->list[i].dir && deb_unpack(d, &d->list[i], err) < 0)
			return -1;
	return 0;
}
