#include "cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "buf.h"
#include "io.h"
#include "str.h"

#define ROOT "/sys/fs/cgroup"

enum { DEPTH_MAX = 32 };

bool cgroup_unified(void)
{
	struct statfs st;

	return statfs(ROOT, &st) == 0 && st.f_type == CGROUP2_SUPER_MAGIC;
}

static bool name_leaves(const char *name)
{
	_cleanup_strv_ char **parts = strv_split(name, "/");

	return !parts || strv_len(parts) == 0 || strv_has(parts, "..");
}

static int group_make(const char *tree, const char *name, struct error *err)
{
	_cleanup_free_ char *path = str_format("%s/%s", tree, name);

	if (!path)
		return error_set(err, ENOMEM, "cgroup %s", name);
	return dir_make(path, 0755, err);
}

int cgroup_make(const char *name, struct error *err)
{
	_cleanup_closedir_ DIR *dir = NULL;
	struct dirent *entry;

	name += strspn(name, "/");
	if (name_leaves(name))
		return error_set(err, EINVAL, "cgroup '%s'", name);
	if (cgroup_unified())
		return group_make(ROOT, name, err);
	dir = opendir(ROOT);
	if (!dir)
		return error_set(err, errno, ROOT);
	while ((entry = readdir(dir))) {
		char tree[sizeof(ROOT) + sizeof(entry->d_name) + 1];

		/* Links stand for trees of several controllers, which are there under their own names. */
		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		snprintf(tree, sizeof(tree), ROOT "/%s", entry->d_name);
		if (group_make(tree, name, err) < 0)
			return -1;
	}
	return 0;
}

/* One line of /proc/PID/cgroup is "ID:controller,controller:/path". Returns the path for `controller`, "" for the
 * unified tree; NULL when there is none. */
static char *line_path(const char *text, const char *controller)
{
	const char *line, *end;

	for (line = text; *line; line = *end ? end + 1 : end) {
		const char *names = strchr(line, ':'), *path;

		end = line + strcspn(line, "\n");
		if (!names || names > end || !(path = strchr(names + 1, ':')) || path > end)
			continue;
		names++;
		for (;;) {
			size_t n = strcspn(names, ",:");

			if (n == strlen(controller) && memcmp(names, controller, n) == 0)
				return strndup(path + 1, (size_t)(end - path - 1));
			if (names[n] == ':')
				break;
			names += n + 1;
		}
	}
	return NULL;
}

/* In the unified tree, else in that of the first of the controllers that has it. */
static char *group_dir(pid_t pid, const char *const *v1, struct error *err)
{
	_cleanup_buf_ struct buf text = { 0 };
	_cleanup_free_ char *path = NULL;
	char file[64], *dir = NULL;

	snprintf(file, sizeof(file), "/proc/%d/cgroup", (int)pid);
	if (file_read(file, 65536, &text, err) < 0)
		return NULL;
	if (cgroup_unified()) {
		path = line_path(buf_text(&text), "");
		dir = path ? str_format(ROOT "%s", path) : NULL;
	}
	for (; *v1 && !dir && !cgroup_unified(); v1++) {
		free(path);
		path = line_path(buf_text(&text), *v1);
		dir = path ? str_format(ROOT "/%s%s", *v1, path) : NULL;
	}
	if (!dir)
		error_set(err, ENOENT, "cgroup of process %d", (int)pid);
	return dir;
}

char *cgroup_of(pid_t pid, struct error *err)
{
	return group_dir(pid, (const char *const[]){ "pids", "memory", "devices", NULL }, err);
}

char *cgroup_memory_of(pid_t pid)
{
	return group_dir(pid, (const char *const[]){ "memory", NULL }, NULL);
}

uint64_t cgroup_memory_limit(const char *dir)
{
	_cleanup_free_ char *path = str_format("%s/memory.%s", dir, cgroup_unified() ? "max" : "limit_in_bytes");
	_cleanup_free_ char *line = path ? file_line(path, NULL) : NULL;
	uint64_t n;

	/* Version 1 says the largest number that there is for none. */
	return line && str_to_u64(line, UINT64_MAX, &n) == 0 && n < INT64_MAX / 2 ? n : 0;
}

static int populated_read(const char *dir, int depth, struct error *err)
{
	_cleanup_free_ char *file = str_format("%s/cgroup.procs", dir);
	_cleanup_fclose_ FILE *f = file ? fopen(file, "re") : NULL;
	_cleanup_closedir_ DIR *d = NULL;
	struct dirent *entry;
	int count = 0, c;

	if (!f)
		return errno == ENOENT ? 0 : error_set(err, errno, "%s", dir);
	while ((c = getc(f)) != EOF)
		count += c == '\n';
	d = depth < DEPTH_MAX ? opendir(dir) : NULL;
	while (d && (entry = readdir(d))) {
		_cleanup_free_ char *child = NULL;
		int n;

		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		child = str_format("%s/%s", dir, entry->d_name);
		n = child ? populated_read(child, depth + 1, err) : error_set(err, ENOMEM, "%s", dir);
		if (n < 0)
			return -1;
		count += n;
	}
	return count;
}

int cgroup_population(const char *dir, struct error *err)
{
	return populated_read(dir, 0, err);
}
