#include "child.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "spawn.h"
#include "str.h"

static char **child_argv(char *const *words)
{
	_cleanup_strv_ char **argv = NULL;

	if (strv_add(&argv, "pith") < 0)
		return NULL;
	for (; *words; words++)
		if (strv_add(&argv, *words) < 0)
			return NULL;
	return steal_ptr(&argv);
}

static int status_read(int status, const char *what, struct error *err)
{
	if (status < 0)
		return -1;
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	return error_set(err, 0, "%s: %s", what, spawn_status_text(status));
}

int child_run(char *const *words, unsigned seconds, struct error *err)
{
	_cleanup_strv_ char **argv = child_argv(words);
	/* Who ends the command in front means the whole of it. */
	struct spawn s = { .path = "/proc/self/exe", .argv = argv, .inherit_stdio = true, .death_signal = SIGTERM };

	if (!argv)
		return error_set(err, ENOMEM, "pith %s", words[0]);
	return status_read(spawn_wait(&s, NULL, 0, (uint64_t)seconds * 1000000, err), words[0], err);
}

int child_ask(char *const *argv, unsigned seconds, size_t max, struct buf *output, struct error *err)
{
	struct spawn s = { .path = argv[0], .argv = argv };

	return status_read(spawn_wait(&s, output, max, (uint64_t)seconds * 1000000, err), argv[0], err);
}

int child_become(char *const *words, struct error *err)
{
	_cleanup_strv_ char **argv = child_argv(words);

	if (!argv)
		return error_set(err, ENOMEM, "pith %s", words[0]);
	execv("/proc/self/exe", argv);
	return error_set(err, errno, "pith");
}

char *child_program(struct error *err)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	char *copy;

	if (n < 0) {
		error_set(err, errno, "/proc/self/exe");
		return NULL;
	}
	path[n] = '\0';
	copy = strdup(path);
	if (!copy)
		error_set(err, ENOMEM, "program");
	return copy;
}
