#include "debian.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "beneath.h"
#include "digest.h"
#include "io.h"
#include "log.h"
#include "paths.h"
#include "progress.h"
#include "spawn.h"
#include "str.h"
#include "toollog.h"

/* Dependencies of dependencies end long before that. */
#define LEVELS_MAX 12
/* `apt-cache show` of a few hundred packages. */
#define OUTPUT_MAX (32u << 20)

void debian_clear(struct debian *d)
{
	size_t i;

	for (i = 0; i < d->count; i++) {
		control_clear(&d->list[i].control);
		free(d->list[i].dir);
	}
	free(d->list);
	free(d->arch);
	temp_dir_remove(&d->temp);
	*d = (struct debian)DEBIAN_INIT;
}

static struct deb *find(struct debian *d, const char *name)
{
	size_t i;

	for (i = 0; i < d->count; i++)
		if (str_eq(d->list[i].control.name, name))
			return &d->list[i];
	return NULL;
}

/* Takes what *c holds. */
static int append(struct debian *d, struct control *c, unsigned level, struct error *err)
{
	struct deb *grown = reallocarray(d->list, d->count + 1, sizeof(*grown));

	if (!grown)
		return error_set(err, ENOMEM, "Debian packages");
	d->list = grown;
	d->list[d->count++] = (struct deb){ .control = *c, .level = level };
	*c = (struct control){ 0 };
	if (level >= d->levels)
		d->levels = level + 1;
	return 0;
}

/* --- asking apt -------------------------------------------------------------------------------- */

/* Without a directory the output is an answer to be parsed, with one it is messages. */
static int run(char *const *argv, const char *cwd, struct buf *output, struct error *err)
{
	struct spawn s = { .path = argv[0], .argv = argv, .cwd = cwd, .stdout_only = !cwd };
	int status = spawn_wait(&s, output, OUTPUT_MAX, 0, err);

	if (status < 0 && err && err->code == ENOENT && !cwd)
		return error_set(err, 0, "%s is not installed: packages with a debian section need a Debian machine",
				 argv[0]);
	return status;
}

static int show(struct debian *d, char *const *names, struct buf *out, struct error *err)
{
	_cleanup_strv_ char **argv = NULL;
	size_t i;

	if (strv_add(&argv, "apt-cache") < 0 || strv_addf(&argv, "-oAPT::Architecture=%s", d->arch) < 0 ||
	    strv_add(&argv, "show") < 0 || strv_add(&argv, "--no-all-versions") < 0 || strv_add(&argv, "--") < 0)
		return error_set(err, ENOMEM, "apt-cache");
	for (i = 0; names[i]; i++)
		if (strv_add(&argv, names[i]) < 0)
			return error_set(err, ENOMEM, "apt-cache");
	/* The status only says that some name is unknown: which, is seen by what is missing. */
	return run(argv, NULL, out, err) < 0 ? -1 : 0;
}

static int add_level(struct debian *d, char *const *names, unsigned level, struct error *err)
{
	_cleanup_(buf_free) struct buf text = { 0 };
	struct control c;
	long n;

	if (show(d, names, &text, err) < 0)
		return -1;
	while ((n = control_parse(buf_text(&text), text.len, &c, err)) > 0) {
		/* Names that are only provided by others come back as those others. */
		if (!find(d, c.name) && strv_has(names, c.name) && append(d, &c, level, err) < 0) {
			control_clear(&c);
			return -1;
		}
		control_clear(&c);
		buf_consume(&text, (size_t)n);
	}
	return n < 0 ? -1 : 0;
}

/* By name, as Debian's policy has them: libraries that a program is linked against. */
static bool is_library(const char *name)
{
	static const char *const not [] = { "-perl", "-data", "-common", "-bin", "-dev", "-doc", "-dbg", "-modules" };
	size_t i;

	if (!str_starts(name, "lib") && !str_eq(name, "zlib1g"))
		return false;
	for (i = 0; i < array_len(not ); i++)
		if (str_ends(name, not [i]))
			return false;
	return true;
}

static int next_names(struct debian *d, unsigned level, char ***names, struct error *err)
{
	size_t i, k;

	for (i = 0; i < d->count; i++)
		for (k = 0; d->list[i].level == level && d->list[i].control.depends && d->list[i].control.depends[k];
		     k++) {
			const char *name = d->list[i].control.depends[k];

			if (is_library(name) && !find(d, name) && !strv_has(*names, name) && strv_add(names, name) < 0)
				return error_set(err, ENOMEM, "Debian packages");
		}
	return 0;
}

static int ask(struct debian *d, char *const *names, bool libraries, struct error *err)
{
	unsigned level;
	size_t i;

	if (add_level(d, names, 0, err) < 0)
		return -1;
	for (i = 0; names[i]; i++)
		if (!find(d, names[i]))
			return error_set(
				err, 0,
				"there is no Debian package %s for %s: is the name right, and has apt-get update "
				"been run?",
				names[i], d->arch);
	for (level = 0; libraries && level < LEVELS_MAX; level++) {
		_cleanup_strv_ char **more = NULL;

		if (next_names(d, level, &more, err) < 0 || (more && add_level(d, more, level + 1, err) < 0))
			return -1;
		if (!more)
			break;
	}
	return 0;
}

/* --- remembering the answer -------------------------------------------------------------------- */

/* What the answer depends on: the names, and apt's lists and configuration, by their times of change. */
static char *question(const struct debian *d, char *const *names, bool libraries)
{
	static const char *const states[] = { "/var/lib/apt/lists",     "/etc/apt",
					      "/etc/apt/sources.list",  "/etc/apt/sources.list.d",
					      "/etc/apt/preferences.d", "/etc/apt/apt.conf.d" };
	_cleanup_(buf_free) struct buf text = { 0 };
	char hex[DIGEST_HEX];
	struct stat st;
	size_t i;
	int failed = buf_addf(&text, "3 %s %d\n", d->arch, libraries);

	for (i = 0; names[i]; i++)
		failed |= buf_addf(&text, "%s\n", names[i]);
	for (i = 0; i < array_len(states); i++)
		if (stat(states[i], &st) == 0)
			failed |= buf_addf(&text, "%lld.%09ld\n", (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	if (failed || digest_bytes(buf_text(&text), text.len, hex) < 0)
		return NULL;
	return str_format("debs/answer-%.16s", hex);
}

/* The answer is kept as control data with the field Level. */
static void remember(const struct debian *d, const char *path)
{
	_cleanup_(buf_free) struct buf text = { 0 };
	size_t i;
	int failed = 0;

	for (i = 0; i < d->count; i++) {
		const struct control *c = &d->list[i].control;

		failed |= buf_addf(&text,
				   "Level: %u\nPackage: %s\nVersion: %s\nArchitecture: %s\nSHA256: %s\nSize: %llu\n\n",
				   d->list[i].level, c->name, c->version, c->arch, c->sha256, c->size);
	}
	if (!failed)
		file_write(path, buf_text(&text), text.len, 0644, NULL); /* it only saves time */
}

static bool recall(struct debian *d, const char *path)
{
	_cleanup_(buf_free) struct buf text = { 0 };
	struct control c;
	long n;

	if (file_read(path, OUTPUT_MAX, &text, NULL) < 0)
		return false;
	while ((n = control_parse(buf_text(&text), text.len, &c, NULL)) > 0) {
		unsigned level = 0;

		if (sscanf(buf_text(&text), " Level: %u", &level) != 1 || append(d, &c, level, NULL) < 0) {
			control_clear(&c);
			return false;
		}
		buf_consume(&text, (size_t)n);
	}
	return n == 0 && d->count > 0;
}

static void forget(struct debian *d)
{
	while (d->count > 0)
		control_clear(&d->list[--d->count].control);
	d->levels = 0;
}

int debian_resolve(struct debian *d, char *const *names, bool libraries, const char *arch, struct error *err)
{
	_cleanup_free_ char *name = NULL, *path = NULL;

	d->arch = strdup(arch);
	if (!d->arch)
		return error_set(err, ENOMEM, "Debian packages");
	name = question(d, names, libraries);
	path = name ? path_cache(name, err) : NULL;
	if (!path)
		return name ? -1 : error_set(err, ENOMEM, "Debian packages");
	if (recall(d, path))
		return 0;
	forget(d);
	if (ask(d, names, libraries, err) < 0)
		return -1;
	remember(d, path);
	return 0;
}

/* --- fetching and unpacking -------------------------------------------------------------------- */

static int verify(const char *path, const struct control *c, struct error *err)
{
	char hex[DIGEST_HEX];

	if (digest_file(path, hex, err) < 0)
		return -1;
	return str_eq(hex, c->sha256) ? 0 : error_set(err, EBADMSG, "%s: its checksum is not what apt says", path);
}

/* Where apt fetches to: a directory below dir, which stays root's, so that it cannot be replaced. What talks to the
 * mirrors must not have root's rights: apt gives them up for its own user, if that user can write where the file goes,
 * which it cannot below a home directory. Caller frees. */
static char *fetch_dir(struct temp_dir *dir, struct error *err)
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
static char *only_file(int dir)
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

static int copy_to(int from, const char *name, int to, struct error *err)
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
static int take(const char *from, const struct control *c, const char *to, struct error *err)
{
	static const struct beneath_want want = { .type = S_IFREG, .owner = BENEATH_ANY_OWNER, .only_link = true };
	_cleanup_close_ int dir = open(from, O_PATH | O_DIRECTORY | O_CLOEXEC), list = -1, fd = -1;
	_cleanup_outfile_ struct outfile out = OUTFILE_INIT;
	char copied[BENEATH_FD_PATH_MAX];
	_cleanup_free_ char *name = NULL;

	list = dir < 0 ? -1 : openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	name = list < 0 ? NULL : only_file(list);
	if (!name)
		return 0;
	fd = beneath_open(dir, name, O_RDONLY, 0, &want, err);
	if (fd < 0 || outfile_open(&out, to, err) < 0 || copy_to(fd, name, out.fd, err) < 0)
		return -1;
	if (verify(beneath_fd_path(copied, out.fd), c, err) < 0)
		return error_wrap(err, "%s", name);
	return outfile_commit(&out, 0644, err) < 0 ? -1 : 1;
}

/* In a directory, whose size says how far it is. */
static int run_measured(char *const *argv, char *cwd, int log, struct error *err)
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
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return error_set(err, errno, "%s", argv[0]);
	return status;
}

static int fetch(const struct control *c, const char *to, struct error *err)
{
	_cleanup_free_ char *spec = str_format("%s:%s=%s", c->name, c->arch, c->version);
	_cleanup_temp_dir_ struct temp_dir temp = TEMP_DIR_INIT;
	_cleanup_progress_ struct progress progress = { 0 };
	_cleanup_close_ int log = toollog_open(err);
	_cleanup_free_ char *why = NULL, *dir = NULL;
	char *argv[] = { (char *)"apt-get", (char *)"-qq", (char *)"download", spec, NULL };
	int status, taken = 0;

	if (log < 0)
		return -1;
	if (!spec)
		return error_set(err, ENOMEM, "fetch %s", c->name);
	/* "all" is no architecture to ask for. */
	if (str_eq(c->arch, "all"))
		sprintf(spec, "%s=%s", c->name, c->version);
	dir = fetch_dir(&temp, err);
	if (!dir)
		return -1;
	progress_begin(&progress, PROGRESS_ANNOUNCE, c->size, "fetching Debian package %s %s", c->name, c->version);
	status = run_measured(argv, dir, log, err);
	progress_end(&progress);
	if (status < 0)
		return -1;
	taken = status == 0 ? take(dir, c, to, err) : 0;
	if (taken < 0)
		return -1;
	if (!taken)
		return error_set(err, 0, "apt-get download %s failed: %s", spec,
				 (why = toollog_reason(log)) ? why : spawn_status_text(status));
	return 0;
}

static int unpack(const struct debian *d, struct deb *deb, struct error *err)
{
	const struct control *c = &deb->control;
	_cleanup_free_ char *name = str_format("debs/%s_%s_%s.deb", c->name, c->version, c->arch);
	_cleanup_free_ char *path = name ? path_cache(name, err) : NULL;
	_cleanup_(buf_free) struct buf output = { 0 };
	int status;

	if (!path)
		return error_set(err, ENOMEM, "unpack %s", c->name);
	if (access(path, R_OK) < 0 ? fetch(c, path, err) < 0 : verify(path, c, NULL) < 0 && fetch(c, path, err) < 0)
		return -1;
	deb->dir = str_format("%s/%s", d->temp.path, c->name);
	if (!deb->dir)
		return error_set(err, ENOMEM, "unpack %s", c->name);
	status = run((char *[]){ (char *)"dpkg-deb", (char *)"-x", path, deb->dir, NULL }, "/", &output, err);
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
		if (d->list[i].level == level && !d->list[i].dir && unpack(d, &d->list[i], err) < 0)
			return -1;
	return 0;
}
