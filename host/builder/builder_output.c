/* Running a builder, and what it says while it works.
 *
 * Both of its streams are one pipe, read to the end line by line: a line that begins a step is kept as the step, the
 * others go round in a ring of the last ones. Steps are told by their form: "STEP 2/4: RUN make" of buildah (in front
 * of it "[1/2] " where there are stages), "#7 [2/4] RUN make" of BuildKit. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "builder_private.h"
#include "io.h"
#include "process.h"
#include "progress.h"
#include "spawn.h"
#include "str.h"

/* How much is told of a step that failed, and how long a line may be that is kept. */
enum { TAIL_LINES = 20, LINE_MAX_BYTES = 4096 };

struct builder_output {
	struct builder *b;
	struct buf line;
	char *ring[TAIL_LINES];
	size_t lines; /* all of this step */
	struct progress progress;
};

static void output_forget(struct builder_output *o)
{
	size_t i;

	for (i = 0; i < TAIL_LINES; i++) {
		free(o->ring[i]);
		o->ring[i] = NULL;
	}
	o->lines = 0;
}

static int output_line(struct builder_output *o, const char *raw, struct error *err)
{
	struct builder *b = o->b;
	_cleanup_free_ char *line = line_translate(b, raw), *step = line ? line_step(line) : NULL;

	if (!line)
		return error_set(err, ENOMEM, "builder");
	if (b->job->say)
		b->job->say(b->job->data, line);
	if (step) {
		progress_end(&o->progress);
		if (!b->job->say)
			progress_begin(&o->progress, 0, 0, "step %s", step);
		free(b->step);
		b->step = steal_ptr(&step);
		output_forget(o);
		return 0;
	}
	progress_add(strlen(line));
	free(o->ring[o->lines % TAIL_LINES]);
	o->ring[o->lines++ % TAIL_LINES] = steal_ptr(&line);
	return 0;
}

/* A line that is too long to be kept goes on in the next one. */
static int output_bytes(struct builder_output *o, const char *data, size_t n, struct error *err)
{
	size_t i;

	for (i = 0; i < n; i++) {
		bool end = data[i] == '\n' || data[i] == '\r';

		if (!end && data[i] && buf_add(&o->line, data + i, 1) < 0)
			return error_set(err, ENOMEM, "builder");
		if (!end && o->line.len < LINE_MAX_BYTES)
			continue;
		if (o->line.len && output_line(o, buf_text(&o->line), err) < 0)
			return -1;
		buf_clear(&o->line);
	}
	return 0;
}

static int output_read(struct builder_output *o, int fd, struct error *err)
{
	char chunk[8192];
	ssize_t n;

	while ((n = read(fd, chunk, sizeof(chunk))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_set(err, errno, "output of the builder");
		if (output_bytes(o, chunk, (size_t)n, err) < 0)
			return -1;
	}
	return o->line.len ? output_line(o, buf_text(&o->line), err) : 0;
}

/* The last lines, the oldest first. */
static int output_tail(const struct builder_output *o, struct buf *tail)
{
	size_t first = o->lines > TAIL_LINES ? o->lines - TAIL_LINES : 0, i;

	for (i = first; i < o->lines; i++)
		if (buf_addf(tail, "%s\n", o->ring[i % TAIL_LINES]) < 0)
			return -1;
	return 0;
}

static void output_clear(struct builder_output *o)
{
	progress_end(&o->progress);
	output_forget(o);
	buf_free(&o->line);
}

/* --- the process ------------------------------------------------------------------------------------------------ */

static int builder_failed(const struct builder *b, const char *program, int status, const struct builder_output *o,
			  struct error *err)
{
	const struct builder_job *job = b->job;
	struct platform host = platform_host();
	bool foreign = !platform_match(&host, &job->platform), format = false;
	size_t i;

	if (job->tail && output_tail(o, job->tail) < 0)
		return error_set(err, ENOMEM, "%s", program);
	for (i = 0; i < TAIL_LINES; i++)
		format |= o->ring[i] && strstr(o->ring[i], "xec format error");
	if (!b->step)
		return error_say(err, 0, "%s failed (%s)%s%s", program, spawn_status_text(status), o->lines ? ": " : "",
				 o->lines ? o->ring[(o->lines - 1) % TAIL_LINES] : "");
	return error_say(err, 0, "%s: step %s: failed%s", job->name, b->step,
			 foreign && format ? ": this machine runs no programs of the image's architecture (Debian "
					     "package qemu-user-static)"
					   : "");
}

int builder_spawn(struct builder *b, const struct builder_program *p, struct error *err)
{
	struct builder_output o = { .b = b };
	_cleanup_close_ int in = -1, out = -1;
	struct error why = { 0 };
	int ends[2], status, r;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_set(err, errno, "%s", p->argv[0]);
	in = ends[0];
	out = ends[1];

	struct spawn_fd fds[] = { { out, 1 }, { out, 2 } };
	struct spawn s = { .path = p->argv[0],
			   .argv = p->argv,
			   .env = p->env,
			   .fds = fds,
			   .fd_count = array_len(fds),
			   .namespaces = p->namespaces,
			   .namespace_root = p->recorded != NULL,
			   /* What is typed into the user's terminal is read by his shell. */
			   .new_session = p->recorded != NULL,
			   .recorded = p->recorded,
			   .recorded_data = b,
			   .death_signal = p->ending };

	pid = spawn(&s, &why);
	if (pid < 0)
		return why.code == ENOENT ? error_say(err, ENOENT, "%s is not installed", p->argv[0])
					  : error_move(err, &why);
	close(steal_fd(&out));
	r = output_read(&o, in, err);
	if (r < 0)
		kill(pid, p->ending);
	status = child_reap(pid);
	if (r == 0 && status < 0)
		r = error_set(err, errno, "%s", p->argv[0]);
	else if (r == 0 && status > 0)
		r = builder_failed(b, builder_names[b->job->kind], status, &o, err);
	output_clear(&o);
	return r;
}

int builder_version(const char *program, char **text, struct error *err)
{
	char *const argv[] = { (char *)program, (char *)"--version", NULL };
	struct spawn s = { .path = program, .argv = argv, .stdout_only = true };
	_cleanup_buf_ struct buf output = { 0 };
	struct error why = { 0 };
	const char *at, *dot;
	int status = spawn_wait(&s, &output, 4096, 30 * 1000000ULL, &why);

	if (status < 0)
		return why.code == ENOENT ? error_say(err, ENOENT, "%s is not installed", program)
					  : error_move(err, &why);
	at = buf_text(&output);
	at += strcspn(at, "0123456789\n");
	dot = at + strspn(at, "0123456789");
	if (status != 0 || dot == at || *dot != '.')
		return error_say(err, 0, "%s --version does not say a version", program);
	*text = strndup(at, strspn(at, "0123456789."));
	if (!*text)
		return error_set(err, ENOMEM, "%s", program);
	return atoi(at) * 1000 + atoi(dot + 1);
}
