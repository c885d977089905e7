/* Building twice. The second build is a child, so that its surroundings can be others; it writes into a folder that
 * goes with it. */
#include "again.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io.h"
#include "log.h"
#include "outfile.h"
#include "spawn.h"
#include "str.h"
#include "toollog.h"

enum { PART = 64 << 10 };

/* Whatever a tool may look at. */
static int surroundings_change(const char *dir)
{
	static const char *const variables[][2] = {
		{ "TZ", "Pacific/Kiritimati" }, { "LC_ALL", "C" }, { "LANG", "C" }, { "SOURCE_DATE_EPOCH", "86400" }
	};
	cpu_set_t one;
	int cpu = sched_getcpu();

	for (size_t i = 0; i < array_len(variables); i++)
		if (setenv(variables[i][0], variables[i][1], 1) < 0)
			return -1;
	CPU_ZERO(&one);
	CPU_SET(cpu < 0 ? 0 : cpu, &one);
	sched_setaffinity(0, sizeof(one), &one); /* where it is not allowed there is one difference less */
	umask(umask(0) ^ 055);
	return setenv("TMPDIR", dir, 1);
}

static int second_build(const struct build_options *o, const char *dir, int log, int (*build)(struct build_options *o))
{
	struct build_options mine = *o;
	const char *slash = o->output ? strrchr(o->output, '/') : NULL;
	_cleanup_free_ char *out = str_format("%s/out", dir), *output = NULL;

	prctl(PR_SET_PDEATHSIG, SIGTERM); /* it is of no use without the first */
	if (!out || mkdir(out, 0700) < 0 || surroundings_change(dir) < 0 || dup2(log, STDERR_FILENO) < 0)
		return 1;
	log_setup("pith", LOG_LEVEL_ERROR, false);
	if (o->output) {
		output = str_format("%s/%s", out, slash ? slash + 1 : o->output);
		if (!output)
			return 1;
		mine.output = output;
	} else {
		mine.dir = out;
	}
	if (o->sbom_output && *o->sbom_output == '/')
		mine.sbom_output = NULL; /* the copy is the first build's */
	return build(&mine);
}

static int child_run(const struct build_options *o, const char *dir, int (*build)(struct build_options *o),
		     struct error *err)
{
	_cleanup_close_ int log = toollog_open(err);
	_cleanup_free_ char *reason = NULL;
	int status;
	pid_t pid;

	if (log < 0)
		return -1;
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return error_set(err, errno, "a second build");
	if (pid == 0)
		_exit(second_build(o, dir, log, build));
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return error_set(err, errno, "a second build");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	reason = toollog_reason(log);
	return error_say(err, ECHILD, "the second build has failed: %s", reason ? reason : spawn_status_text(status));
}

/* 1: they are the same; 0: they differ, at *at. */
static int files_compare(int a, int b, uint64_t *at, struct error *err)
{
	_cleanup_free_ uint8_t *x = malloc(2 * PART);
	ssize_t n, m;

	if (!x)
		return error_set(err, ENOMEM, "comparing");
	for (*at = 0;; *at += (uint64_t)n) {
		n = io_read(a, x, PART);
		m = io_read(b, x + PART, PART);
		if (n < 0 || m < 0)
			return error_set(err, errno, "comparing");
		for (ssize_t i = 0; i < n && i < m; i++)
			if (x[i] != x[PART + i]) {
				*at += (uint64_t)i;
				return 0;
			}
		if (n != m)
			*at += (uint64_t)(n < m ? n : m);
		if (n != m || n == 0)
			return n == m;
	}
}

static int output_compare(const struct build_options *o, const char *out, const char *name, struct error *err)
{
	_cleanup_free_ char *first = o->output && !o->dir && str_ends(o->output, name)
		? strdup(o->output)
		: str_format("%s/%s", o->dir ? o->dir : ".", name);
	_cleanup_free_ char *second = str_format("%s/%s", out, name);
	_cleanup_close_ int a = -1, b = -1;
	uint64_t at = 0;
	int r;

	if (!first || !second)
		return error_set(err, ENOMEM, "%s", name);
	a = open(first, O_RDONLY | O_CLOEXEC);
	if (a < 0)
		return error_set(err, errno, "%s", first);
	b = open(second, O_RDONLY | O_CLOEXEC);
	if (b < 0)
		return error_set(err, errno, "%s", second);
	r = files_compare(a, b, &at, err);
	return r ? r
		 : error_say(err, EBADMSG, "%s is not reproducible: a second build has other bytes from byte %llu on",
			     first, (unsigned long long)at);
}

static int outputs_compare(const struct build_options *o, const char *out, struct error *err)
{
	DIR *d = opendir(out);
	_cleanup_strv_ char **names = NULL;
	const struct dirent *e;
	size_t n = 0;

	if (!d)
		return error_set(err, errno, "%s", out);
	while ((e = readdir(d)))
		if (!str_eq(e->d_name, ".") && !str_eq(e->d_name, "..") && strv_add(&names, e->d_name) < 0)
			break;
	closedir(d);
	if (e || !names)
		return error_set(err, e ? ENOMEM : ENOENT, "the second build's outputs");
	for (strv_sort(names); names[n]; n++)
		if (output_compare(o, out, names[n], err) < 0)
			return -1;
	log_info("a second build has written the same bytes: %zu file%s", n, n == 1 ? "" : "s");
	return 0;
}

int again_check(const struct build_options *o, int (*build)(struct build_options *o), struct error *err)
{
	_cleanup_temp_dir_ struct temp_dir dir = TEMP_DIR_INIT;
	_cleanup_free_ char *out = NULL;

	if (temp_dir_make(&dir, NULL, err) < 0)
		return -1;
	out = str_format("%s/out", dir.path);
	if (!out)
		return error_set(err, ENOMEM, "a second build");
	log_info("building again");
	return child_run(o, dir.path, build, err) < 0 ? -1 : outputs_compare(o, out, err);
}
