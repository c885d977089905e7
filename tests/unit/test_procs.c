/* rc/procs: the processes of a machine. */
#include "procs.h"
#include "tap.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "loop.h"

/* From the tenth field to the start, the 22nd. */
#define REST " 1 2 3 4 5 6 7 8 20 0 1 0 4711"

static void test_parse(void)
{
	static const struct {
		const char *text;
		int result;
		int pid;
		const char *name;
		char state;
		uint32_t flags;
	} rows[] = {
		{ "1 (init) S 0 1 1 0 -1 4194560" REST "\n", 0, 1, "init", 'S', 4194560 },
		{ "2 (kthreadd) S 0 0 0 0 -1 2129984" REST " 0 0", 0, 2, "kthreadd", 'S', 2129984 },
		{ "77 (a) b) (c) Z 1 77 77 0 -1 1" REST, 0, 77, "a) b) (c", 'Z', 1 },
		{ "8 () R 1 8 8 0 -1 5" REST, 0, 8, "", 'R', 5 },
		{ "", -1, 0, NULL, 0, 0 },
		{ "5", -1, 0, NULL, 0, 0 },
		{ "(x) S 1 1 1 1 1 1" REST, -1, 0, NULL, 0, 0 },
		{ "x (x) S 1 1 1 1 1 1" REST, -1, 0, NULL, 0, 0 },
		{ "5 )x( S 1 1 1 1 1 1" REST, -1, 0, NULL, 0, 0 },
		{ "5 (x) S 1 1 1 1", -1, 0, NULL, 0, 0 },
		{ "5 (x) S 1 1 1 1 1 1", -1, 0, NULL, 0, 0 },
		{ "5 (x) S -1 1 1 1 1 1" REST, -1, 0, NULL, 0, 0 },
		{ "5 (x)", -1, 0, NULL, 0, 0 },
		{ "99999999999 (x) S 1 1 1 1 1 1" REST, -1, 0, NULL, 0, 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char *text = strdup(rows[i].text);
		struct process_stat p;
		int r = process_stat_parse(text, &p);

		ok(r == rows[i].result, "row %zu is %s", i, rows[i].result ? "refused" : "accepted");
		if (r == 0 && rows[i].result == 0) {
			ok(p.pid == rows[i].pid && p.state == rows[i].state && p.flags == rows[i].flags &&
				   p.start == 4711,
			   "its numbers");
			ok_str(p.name, rows[i].name, "its name");
		}
		free(text);
	}
}

static void test_wait(void)
{
	pid_t child = fork();
	uint64_t start = loop_now();

	if (child == 0) {
		pause();
		_exit(0);
	}
	ok(proc_wait(child, 50000) == -1, "a process that lives is waited for in vain");
	ok(loop_now() - start >= 50000, "for as long as was said");
	kill(child, SIGKILL);
	ok(proc_wait(child, 5000000) == 0, "one that is killed ends");
	waitpid(child, NULL, 0);
	ok(proc_wait(child, 0) == 0, "one that does not exist has ended");
}

int main(void)
{
	test_parse();
	test_wait();
	return tap_done();
}
