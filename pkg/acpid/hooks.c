/* Hooks: each press starts its own run. A hook that hangs so keeps no later press from being heard; how many there are
 * at once is bounded. The programs of a run have acpid's streams and its working directory, the folder of hooks.
 *
 *   FREE -- hooks_run() --> RUNNING (a child) -- it ends, others follow --> RUNNING
 *                                             -- it was the last -------> FREE */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "acpid.h"
#include "io.h"
#include "log.h"
#include "spawn.h"
#include "str.h"

enum { RUNS_MAX = 16 };

struct run {
	struct hooks *hooks;
	char **programs; /* relative to the folder; NULL: a free place */
	size_t next;     /* the one to start when the child ends */
	struct loop_child child;
};

struct hooks {
	struct loop *loop;
	const char *folder;
	struct run runs[RUNS_MAX];
};

struct hooks *hooks_new(struct loop *loop, const char *folder, struct error *err)
{
	struct hooks *h = calloc(1, sizeof(*h));

	if (!h)
		error_set(err, ENOMEM, "hooks");
	else
		*h = (struct hooks){ .loop = loop, .folder = folder };
	return h;
}

static void run_end(struct run *r)
{
	strv_free(r->programs);
	r->programs = NULL;
}

static void child_ended(struct loop_child *child, int status);

static int program_start(struct run *r, const char *program, struct error *err)
{
	_cleanup_free_ char *path = str_format("./%s", program);
	char *argv[] = { path, NULL };
	pid_t pid;

	if (!path)
		return error_set(err, ENOMEM, "%s", program);
	pid = spawn(&(struct spawn){ .path = path, .argv = argv, .cwd = r->hooks->folder, .inherit_stdio = true }, err);
	if (pid < 0)
		return -1;
	r->child = (struct loop_child){ .fn = child_ended, .data = r };
	return loop_child_add(r->hooks->loop, &r->child, pid, err);
}

/* The next one that can be started. -1: no more; err says why where one could not be started. */
static int run_next(struct run *r, struct error *err)
{
	while (r->programs[r->next]) {
		if (program_start(r, r->programs[r->next++], err) == 0)
			return 0;
		if (r->programs[r->next])
			log_error("%s", error_text(err));
	}
	return -1;
}

static void child_ended(struct loop_child *child, int status)
{
	struct run *r = child->data;
	_cleanup_error_ struct error err = { 0 };

	if (status != 0)
		log_warn("%s/%s: %s", r->hooks->folder, r->programs[r->next - 1], spawn_status_text(status));
	if (run_next(r, &err) == 0)
		return;
	if (err.msg)
		log_error("%s", err.msg);
	run_end(r);
}

/* The program itself, or those of a directory that can be executed. */
static char **programs_of(const char *folder, const char *path, struct error *err)
{
	_cleanup_free_ char *whole = str_format("%s/%s", folder, path);
	_cleanup_strv_ char **names = NULL, **programs = NULL;
	struct stat st;

	if (!whole || stat(whole, &st) < 0) {
		error_set(err, whole ? errno : ENOMEM, "%s/%s", folder, path);
		return NULL;
	}
	if (!S_ISDIR(st.st_mode)) {
		if (strv_add(&programs, path) < 0)
			error_set(err, ENOMEM, "%s", whole);
		return steal_ptr(&programs);
	}
	names = dir_names(AT_FDCWD, whole, false, err);
	for (char **name = names; name && *name; name++) {
		_cleanup_free_ char *file = str_format("%s/%s", whole, *name);

		if (file && stat(file, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0111) &&
		    strv_addf(&programs, "%s/%s", path, *name) < 0)
			break;
	}
	if (names && !programs)
		error_set(err, ENOENT, "%s: nothing in it can be executed", whole);
	return steal_ptr(&programs);
}

int hooks_run(struct hooks *h, const char *path, struct error *err)
{
	struct run *r = h->runs;

	while (r < h->runs + RUNS_MAX && r->programs)
		r++;
	if (r == h->runs + RUNS_MAX)
		return error_set(err, EBUSY, "%s/%s: %d hooks run already", h->folder, path, RUNS_MAX);
	*r = (struct run){ .hooks = h, .programs = programs_of(h->folder, path, err) };
	if (!r->programs)
		return err->code == ENOENT ? 1 : -1;
	if (run_next(r, err) == 0)
		return 0;
	run_end(r);
	return -1;
}
