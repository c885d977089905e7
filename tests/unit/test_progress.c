/* The progress line: its text at every width, nesting, and what a pipe gets. */
#include "progress.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log.h"
#include "str.h"
#include "tap.h"

static const struct {
	const char *what;
	uint64_t done, total;
	unsigned width;
	const char *text;
} rows[] = {
	{ "importing a.tar", 0, 0, 80, "importing a.tar" },
	{ "importing a.tar", 1500, 0, 80, "importing a.tar 2 kB" },
	{ "importing a.tar", 1234567, 0, 80, "importing a.tar 1.2 MB" },
	{ "importing a.tar", 50, 100, 80, "importing a.tar  50% of 0 kB" },
	{ "importing a.tar", 30000000, 120000000, 80, "importing a.tar  25% of 120.0 MB" },
	{ "importing a.tar", 500, 100, 80, "importing a.tar 100% of 0 kB" },
	{ "importing a.tar", UINT64_MAX, UINT64_MAX, 80, "importing a.tar 100% of 18446744.1 TB" },
	{ "importing a.tar", 30000000, 120000000, 20, "imp  25% of 120.0 MB" },
	{ "importing a.tar", 30000000, 120000000, 17, "importing a.tar" },
	{ "importing a.tar", 30000000, 120000000, 4, "impo" },
	{ "importing a.tar", 1, 2, 0, "" },
};

static void texts(void)
{
	size_t i;
	char out[100];

	for (i = 0; i < array_len(rows); i++) {
		progress_text(out, sizeof(out), rows[i].width, rows[i].what, rows[i].done, rows[i].total);
		ok_str(out, rows[i].text, "text");
	}
	progress_text(out, 10, 80, "importing a.tar", 0, 0);
	ok_str(out, "importing", "no more than there is room for");
}

/* In a child whose standard error is a pipe. */
static void in_a_pipe(void)
{
	int fds[2];
	char text[512] = "";
	ssize_t n = 0, r;

	if (pipe(fds) < 0)
		abort();
	if (fork() == 0) {
		struct progress outer = { 0 }, inner = { 0 };

		dup2(fds[1], 2);
		log_setup("x", LOG_LEVEL_INFO, false);
		progress_end(&inner); /* never begun */
		progress_add(1);      /* nobody asks */
		progress_begin(&outer, PROGRESS_ANNOUNCE, 100, "outer");
		progress_begin(&inner, PROGRESS_READS, 0, "inner");
		progress_moved(PROGRESS_READS, 5);
		progress_moved(PROGRESS_WRITES, 7);
		log_info("%d %d", (int)inner.done, (int)outer.done);
		progress_end(&inner);
		progress_moved(PROGRESS_READS, 5);
		progress_at(50, 200);
		progress_add(1);
		log_info("%d %d", (int)outer.done, (int)outer.total);
		progress_end(&outer);
		_exit(0);
	}
	close(fds[1]);
	while ((r = read(fds[0], text + n, sizeof(text) - 1 - (size_t)n)) > 0)
		n += r;
	close(fds[0]);
	wait(NULL);
	ok_str(text, "x: outer\nx: 5 0\nx: 51 200\n", "in a pipe: what is announced, and no moving line");
}

static void waiting(void)
{
	struct progress p = { 0 };
	int status, fd = 0;
	pid_t pid = fork();

	if (pid == 0)
		_exit(3);
	progress_begin(&p, 0, 0, "waiting");
	progress_wait(pid, 0, progress_file, &fd);
	ok(waitpid(pid, &status, WNOHANG) == pid && WEXITSTATUS(status) == 3, "a child that has ended is left to reap");
	pid = fork();
	if (pid == 0) {
		pause();
		_exit(0);
	}
	progress_wait(pid, 1000, progress_directory, (char *)"/");
	ok(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status), "one that takes too long is killed");
	progress_end(&p);
}

int main(void)
{
	texts();
	in_a_pipe();
	waiting();
	return tap_done();
}
