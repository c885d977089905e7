#include "machines.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "place.h"
#include "state.h"
#include "str.h"

struct machine_row {
	char *title;
	pid_t pid;
	uint64_t age;
};

struct machines {
	struct machine_row *rows;
	size_t count;
};

static void machines_free(struct machines *m)
{
	for (size_t i = 0; i < m->count; i++)
		free(m->rows[i].title);
	free(m->rows);
}

/* Relative where it is below the working directory: that is how the user started it. */
static const char *path_shown(const char *path)
{
	char here[PATH_MAX];
	size_t n;

	if (!getcwd(here, sizeof(here)))
		return path;
	n = strlen(here);
	return strncmp(path, here, n) == 0 && path[n] == '/' && path[n + 1] ? path + n + 1 : path;
}

static int machine_add(struct machines *m, const char *dir, pid_t pid, uint64_t age, struct error *err)
{
	struct machine_row *grown = reallocarray(m->rows, m->count + 1, sizeof(*grown));

	if (grown)
		m->rows = grown;
	if (!grown || !(grown[m->count].title = state_title(path_shown(dir))))
		return error_set(err, ENOMEM, "machines");
	grown[m->count].pid = pid;
	grown[m->count].age = age;
	m->count++;
	return 0;
}

/* "/a/b-state" of a descriptor's target "/a/b-state/.lock", in place; false: it is another file. */
static bool state_of_target(char *target)
{
	char *slash = strrchr(target, '/');

	if (!slash || slash == target || !str_eq(slash, "/.lock"))
		return false;
	*slash = '\0';
	return true;
}

/* The descriptors of other users' processes cannot be read, and are passed over. */
static int process_look(struct machines *m, pid_t pid, struct error *err)
{
	_cleanup_free_ char *path = str_format("/proc/%d/fd", (int)pid);
	_cleanup_closedir_ DIR *dir = path ? opendir(path) : NULL;
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		char target[PATH_MAX];
		ssize_t n = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);
		uint64_t age;
		pid_t owner;

		if (n <= 0)
			continue;
		target[n] = '\0';
		/* Another process may have the file open: the machine's own is the one that the lock names. */
		if (!state_of_target(target) || !place_is_state(target) ||
		    state_owner(target, &owner, &age, NULL) < 0 || owner != pid)
			continue;
		return machine_add(m, target, pid, age, err);
	}
	return 0;
}

static int machines_find(struct machines *m, struct error *err)
{
	_cleanup_closedir_ DIR *proc = opendir("/proc");
	struct dirent *entry;
	uint64_t pid;

	if (!proc)
		return error_set(err, errno, "/proc");
	while ((entry = readdir(proc)))
		if (str_to_u64(entry->d_name, INT32_MAX, &pid) == 0 && process_look(m, (pid_t)pid, err) < 0)
			return -1;
	return 0;
}

int machines_list(struct error *err)
{
	_cleanup_(machines_free) struct machines m = { 0 };
	int width = (int)strlen("MACHINE");

	if (machines_find(&m, err) < 0)
		return -1;
	for (size_t i = 0; i < m.count; i++)
		if ((int)strlen(m.rows[i].title) > width)
			width = (int)strlen(m.rows[i].title);
	printf("%-*s  PID      UPTIME\n", width, "MACHINE");
	for (size_t i = 0; i < m.count; i++)
		printf("%-*s  %-7d  %llu\n", width, m.rows[i].title, (int)m.rows[i].pid,
		       (unsigned long long)m.rows[i].age);
	return fflush(stdout) == 0 ? 0 : error_set(err, errno, "standard output");
}
