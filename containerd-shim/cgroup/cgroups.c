#include "cgroups.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cgroup.h"
#include "io.h"
#include "str.h"

#define MOUNT_POINT "/sys/fs/cgroup/"

enum { DEPTH_MAX = 32, PIDS_MAX = 16 << 20 };

void cgroups_clear(struct cgroups *c)
{
	strv_free(c->dirs);
	*c = (struct cgroups){ 0 };
}

/* One line, "7:cpu,cpuacct:/path": a pair for each controller. */
static int line_take(char *line, struct cgroups *out)
{
	char *controllers = strchr(line, ':'), *path = controllers ? strchr(controllers + 1, ':') : NULL, *save = NULL;

	if (!path)
		return 0;
	*path++ = '\0';
	controllers++;
	if (*path != '/' || strstr(path, "/../") || str_ends(path, "/.."))
		return 0; /* of a namespace that we are not in */
	if (path[1] == '\0')
		path++;
	if (*controllers == '\0')
		return out->unified ? (strv_add(&out->dirs, "") < 0
					       ? -1
					       : strv_addf(&out->dirs, MOUNT_POINT "%s", path + (*path == '/')))
				    : 0;
	for (char *c = strtok_r(controllers, ",", &save); c && !out->unified; c = strtok_r(NULL, ",", &save)) {
		/* a named one is mounted under its name */
		if (str_starts(c, "name="))
			c += strlen("name=");
		if (strv_add(&out->dirs, c) < 0 || strv_addf(&out->dirs, MOUNT_POINT "%s%s", c, path) < 0)
			return -1;
	}
	return 0;
}

int cgroups_parse(const char *text, bool unified, struct cgroups *out, struct error *err)
{
	_cleanup_strv_ char **lines = strv_split(text, "\n");

	*out = (struct cgroups){ .unified = unified };
	if (!lines)
		return error_set(err, ENOMEM, "control groups");
	for (char **l = lines; *l; l++)
		if (line_take(*l, out) < 0) {
			cgroups_clear(out);
			return error_set(err, ENOMEM, "control groups");
		}
	return 0;
}

int cgroups_of(pid_t pid, struct cgroups *out, struct error *err)
{
	_cleanup_buf_ struct buf text = { 0 };
	_cleanup_free_ char *path = str_format("/proc/%d/cgroup", (int)pid);

	*out = (struct cgroups){ 0 };
	if (!path)
		return error_set(err, ENOMEM, "control groups");
	if (file_read(path, 64 << 10, &text, err) < 0)
		return -1;
	return cgroups_parse(buf_text(&text), cgroup_unified(), out, err);
}

const char *cgroups_dir(const struct cgroups *c, const char *controller)
{
	for (char **d = c->dirs; d && d[0] && d[1]; d += 2)
		if (c->unified || str_eq(d[0], controller))
			return d[1];
	return NULL;
}

/* Whether `outer` is `inner` or above it. */
static bool path_covers(const char *outer, const char *inner)
{
	size_t n = strlen(outer);

	while (n > 0 && outer[n - 1] == '/')
		n--;
	return strncmp(outer, inner, n) == 0 && (inner[n] == '\0' || inner[n] == '/');
}

bool cgroups_apart(const struct cgroups *inner, const struct cgroups *other)
{
	for (char **d = inner->dirs; d && d[0] && d[1]; d += 2) {
		const char *o = cgroups_dir(other, d[0]);

		if (o && path_covers(d[1], o))
			return false;
	}
	return inner->dirs != NULL;
}

/* --- walking ------------------------------------------------------------------------------------------------- */

static int pids_read(int dir, cgroups_pid_fn *fn, void *data)
{
	_cleanup_buf_ struct buf text = { 0 };
	char *save = NULL;

	if (file_read_at(dir, "cgroup.procs", PIDS_MAX, &text, NULL) < 0 || text.len == 0)
		return 0; /* gone, or threaded */
	for (char *p = strtok_r((char *)buf_bytes(&text), "\n", &save); p; p = strtok_r(NULL, "\n", &save)) {
		uint64_t pid;

		if (str_to_u64(p, 1 << 30, &pid) == 0 && pid > 0 && fn((pid_t)pid, data) < 0)
			return -1;
	}
	return 0;
}

/* Each directory below, from the innermost: fn gets its parent's descriptor and its name. */
typedef int dir_fn(int parent, const char *name, void *data);

static int groups_walk(int fd, unsigned depth, dir_fn *fn, void *data)
{
	_cleanup_closedir_ DIR *d = NULL;
	_cleanup_close_ int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	struct dirent *e;

	d = copy < 0 ? NULL : fdopendir(copy);
	if (!d)
		return -1;
	steal_fd(&copy);
	while ((e = readdir(d))) {
		_cleanup_close_ int child = -1;

		if (e->d_type != DT_DIR || str_eq(e->d_name, ".") || str_eq(e->d_name, ".."))
			continue;
		child = openat(fd, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (child < 0)
			continue;
		if (depth == 0) {
			errno = ELOOP;
			return -1;
		}
		if (groups_walk(child, depth - 1, fn, data) < 0 || fn(fd, e->d_name, data) < 0)
			return -1;
	}
	return 0;
}

struct pid_walk {
	cgroups_pid_fn *fn;
	void *data;
};

static int pids_of(int parent, const char *name, void *data)
{
	struct pid_walk *w = data;
	_cleanup_close_ int dir = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return dir < 0 ? 0 : pids_read(dir, w->fn, w->data);
}

int cgroups_each_pid(const char *dir, cgroups_pid_fn *fn, void *data)
{
	_cleanup_close_ int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct pid_walk w = { fn, data };

	if (fd < 0)
		return 0;
	if (pids_read(fd, fn, data) < 0)
		return -1;
	return groups_walk(fd, DEPTH_MAX, pids_of, &w);
}

static int remove_one(int parent, const char *name, void *data)
{
	(void)data;
	return unlinkat(parent, name, AT_REMOVEDIR) < 0 && errno != ENOENT ? -1 : 0;
}

int cgroups_remove(const char *dir)
{
	_cleanup_close_ int fd = -1;

	/* Nearly always there is nothing below. */
	if (rmdir(dir) == 0 || errno == ENOENT)
		return 0;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : -1;
	if (groups_walk(fd, DEPTH_MAX, remove_one, NULL) < 0)
		return -1;
	return rmdir(dir) < 0 && errno != ENOENT ? -1 : 0;
}

bool cgroups_path_is_safe(const char *path)
{
	size_t n = strlen(MOUNT_POINT);
	const char *rest = path + n;

	if (!str_starts(path, MOUNT_POINT) || strstr(path, "/../") || str_ends(path, "/..") || strstr(path, "//"))
		return false;
	/* A tree's root is nobody's group; in version 1 neither is a controller's. */
	return *rest && (cgroup_unified() || (strchr(rest, '/') && !str_ends(rest, "/")));
}

/* --- the kernel's lock ------------------------------------------------------------------------------------------ */

/* Control groups are mounted early: what stands further down would cost more to read than there is to win. */
static bool moves_are_fast(void)
{
	_cleanup_close_ int fd = open("/proc/self/mounts", O_RDONLY | O_CLOEXEC);
	char text[16384];
	ssize_t n = fd < 0 ? -1 : io_read(fd, text, sizeof(text) - 1);

	if (n < 0)
		return true;
	text[n] = '\0';
	return strstr(text, "favordynmods") != NULL;
}

static _Noreturn void lock_warm(int procs)
{
	/* Ends of pipes whose closing others wait for. */
	if (dup2(procs, 0) < 0 || syscall(SYS_close_range, 1, ~0u, 0) < 0)
		_exit(1);
	_exit(write(0, "0", 1) < 0);
}

void cgroups_warm(void)
{
	static bool asked, fast;
	_cleanup_cgroups_ struct cgroups own = { 0 };
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int procs = -1;

	if (!asked)
		fast = moves_are_fast();
	asked = true;
	if (fast || cgroups_of(getpid(), &own, NULL) < 0 || !own.dirs || !own.dirs[0])
		return;
	path = str_format("%s/cgroup.procs", own.dirs[1]);
	procs = path ? open(path, O_WRONLY | O_CLOEXEC) : -1;
	/* Whoever reaps our children reaps this one. */
	if (procs >= 0 && fork() == 0)
		lock_warm(procs);
}
