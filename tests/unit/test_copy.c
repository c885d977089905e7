/* Copying from and to a terminal that its processes close and open again: nothing is lost, nothing is taken for an end
 * while they live, and waiting takes no time. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "copy.h"
#include "io.h"
#include "str.h"
#include "tap.h"

enum { AT_REST_US = 30000, PATIENCE_US = 10 * 1000000, FEW = 20 };

struct terminal {
	int master;
	char name[32];
};

static struct terminal terminal_new(void)
{
	struct terminal t = { .master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC) };
	unsigned number = 0;

	if (t.master < 0 || unlockpt(t.master) < 0 || ioctl(t.master, TIOCGPTN, &number) < 0)
		perror("terminal");
	snprintf(t.name, sizeof(t.name), "/dev/pts/%u", number);
	return t;
}

/* As a process has it: bytes as they are. */
static int terminal_open(const struct terminal *t)
{
	int fd = open(t->name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct termios raw;

	if (fd < 0 || tcgetattr(fd, &raw) < 0)
		return -1;
	cfmakeraw(&raw);
	return tcsetattr(fd, TCSANOW, &raw) < 0 ? -1 : fd;
}

static int ended_count;

static void on_end(struct copy *c)
{
	(void)c;
	ended_count++;
}

static bool over;

static void on_time(struct loop_timer *timer)
{
	(void)timer;
	over = true;
}

/* How often the loop wakes up in a while in which nothing happens. */
static unsigned rounds_at_rest(struct loop *loop)
{
	struct loop_timer timer = { .fn = on_time };
	unsigned n = 0;

	over = false;
	loop_timer_after(loop, &timer, AT_REST_US, NULL);
	for (; !over; n++)
		loop_once(loop, -1, NULL);
	return n;
}

/* Rounds until that much can be read from fd. */
static bool comes(struct loop *loop, int fd, const char *text)
{
	uint64_t deadline = loop_now() + PATIENCE_US;
	size_t n = strlen(text), got = 0;
	char seen[64] = { 0 };

	while (got < n && loop_now() < deadline) {
		ssize_t r = read(fd, seen + got, n - got);

		if (r > 0)
			got += (size_t)r;
		loop_once(loop, 1000, NULL);
	}
	return str_eq(seen, text);
}

static void test_output(struct loop *loop)
{
	struct terminal t = terminal_new();
	struct copy c;
	int pipefd[2], process;
	uint64_t deadline;

	ended_count = 0;
	ok(pipe2(pipefd, O_CLOEXEC | O_NONBLOCK) == 0 &&
		   copy_start(&c, loop, t.master, pipefd[1], COPY_LOSSY | COPY_FROM_TERMINAL, on_end, NULL, NULL) == 0,
	   "copying from a terminal");
	process = terminal_open(&t);
	ok(write(process, "first", 5) == 5 && comes(loop, pipefd[0], "first"), "what is written comes");
	ok(write(process, "last", 4) == 4, "more is written");
	close(process);
	ok(comes(loop, pipefd[0], "last"), "and comes after the terminal was closed");
	ok(rounds_at_rest(loop) < FEW, "a terminal that nobody has open takes no time");
	ok(ended_count == 0, "nor is it an end");
	process = terminal_open(&t);
	ok(write(process, "again", 5) == 5 && comes(loop, pipefd[0], "again"), "opened again, it goes on");
	copy_expect_end(&c);
	ok(rounds_at_rest(loop) < FEW && ended_count == 0, "without its first process: others still have it open");
	close(process);
	for (deadline = loop_now() + PATIENCE_US; !ended_count && loop_now() < deadline;)
		loop_once(loop, 1000, NULL);
	ok(ended_count == 1, "then its hang-up is the end");
	copy_stop(&c);
	close(pipefd[0]);
}

static void test_hung_up_at_end(struct loop *loop)
{
	struct terminal t = terminal_new();
	struct copy c;
	int pipefd[2], process = terminal_open(&t);
	uint64_t deadline;

	ended_count = 0;
	ok(pipe2(pipefd, O_CLOEXEC | O_NONBLOCK) == 0 &&
		   copy_start(&c, loop, t.master, pipefd[1], COPY_LOSSY | COPY_FROM_TERMINAL, on_end, NULL, NULL) == 0,
	   "copying from another");
	close(process);
	rounds_at_rest(loop);
	copy_expect_end(&c);
	ok(ended_count == 0, "the end is told from the loop");
	for (deadline = loop_now() + PATIENCE_US; !ended_count && loop_now() < deadline;)
		loop_once(loop, 1000, NULL);
	ok(ended_count == 1, "a terminal that is closed when its process ends has ended");
	copy_stop(&c);
	close(pipefd[0]);
}

/* More than a terminal takes. */
static void test_input(struct loop *loop)
{
	enum { MUCH = 1 << 20 };
	struct terminal t = terminal_new();
	int pipefd[2], process = terminal_open(&t);
	uint64_t deadline = loop_now() + PATIENCE_US;
	size_t sent = 0, got = 0;
	unsigned rounds = FEW;
	bool same = true;
	char chunk[4096];
	struct copy c;

	ended_count = 0;
	ok(pipe2(pipefd, O_CLOEXEC | O_NONBLOCK) == 0 &&
		   copy_start(&c, loop, pipefd[0], t.master, COPY_TO_TERMINAL, on_end, NULL, NULL) == 0,
	   "copying to a terminal");
	close(process);
	/* Of a pipe's writes these are whole or not at all. */
	while (sent < MUCH && rounds > 1) {
		for (size_t i = 0; i < sizeof(chunk); i++)
			chunk[i] = (char)((sent + i) % 251);
		if (write(pipefd[1], chunk, sizeof(chunk)) > 0)
			sent += sizeof(chunk);
		else
			rounds = rounds_at_rest(loop);
	}
	ok(sent < MUCH && rounds < FEW, "one that nobody has open takes so much (%zu bytes), and no time", sent);
	ok(ended_count == 0, "nor is it an end");
	process = terminal_open(&t);
	io_nonblock(process);
	while (got < sent && loop_now() < deadline) {
		ssize_t n = read(process, chunk, sizeof(chunk));

		for (ssize_t i = 0; i < n; i++)
			same &= chunk[i] == (char)((got + (size_t)i) % 251);
		got += n > 0 ? (size_t)n : 0;
		loop_once(loop, 1000, NULL);
	}
	ok(got == sent && same, "who opens it then reads all of it (%zu bytes)", got);
	close(pipefd[1]);
	for (; !ended_count && loop_now() < deadline;)
		loop_once(loop, 1000, NULL);
	ok(ended_count == 1, "the input's end is the end");
	copy_stop(&c);
	close(process);
}

int main(void)
{
	struct loop *loop = loop_new(NULL);

	test_output(loop);
	test_hung_up_at_end(loop);
	test_input(loop);
	loop_free(loop);
	return tap_done();
}
