/* lib/sys: event loop, spawn and reaper. */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io.h"
#include "loop.h"
#include "process.h"
#include "reaper.h"
#include "spawn.h"
#include "str.h"
#include "tap.h"

static char order[32];

static void on_timer(struct loop_timer *t)
{
	strcat(order, t->data);
}

static struct loop *the_loop;

static void on_last(struct loop_timer *t)
{
	strcat(order, t->data);
	loop_quit(the_loop, 7);
}

static void test_timers(void)
{
	struct loop_timer t[5] = {
		{ .fn = on_timer, .data = (char *)"a" }, { .fn = on_timer, .data = (char *)"b" },
		{ .fn = on_timer, .data = (char *)"c" }, { .fn = on_timer, .data = (char *)"d" },
		{ .fn = on_last, .data = (char *)"e" },
	};
	static const uint64_t at[5] = { 3000, 1000, 2000, 1500, 9000 };
	struct loop *loop = the_loop = loop_new(NULL);
	uint64_t start = loop_now();

	for (int i = 0; i < 5; i++)
		loop_timer_arm(loop, &t[i], start + at[i], NULL);
	loop_timer_disarm(&t[3]);
	ok(loop_run(loop, NULL) == 7, "loop_quit gives the status");
	ok_str(order, "bcae", "timers in order of their deadlines, without the disarmed one");
	loop_free(loop);
}

/* Memory that has something once it was looked at `looks` times, until that is found. */
struct memory {
	int looks, looked, armed, found;
	bool late; /* something came in before the notification was asked for */
};

static bool memory_pending(void *data)
{
	struct memory *m = data;

	m->looked++;
	if (m->looks > 1)
		m->looks--;
	return m->looks == 1;
}

static bool memory_arm(void *data)
{
	struct memory *m = data;

	m->armed++;
	return m->late;
}

static void memory_found(void *data)
{
	struct memory *m = data;

	m->found++;
	m->looks = 0;
}

static void test_poll(void)
{
	struct memory m = { 0 };
	struct loop_poll poll = {
		.limit_us = 10000000, .pending = memory_pending, .arm = memory_arm, .fn = memory_found, .data = &m
	};
	struct loop *loop = loop_new(NULL);
	int looks = 0, i;

	loop_poll_set(loop, &poll);
	loop_once(loop, 1000, NULL);
	ok(m.armed == 1 && m.looked == 1, "a loop that was idle blocks, and asks for a notification before");
	m = (struct memory){ .looks = 1 };
	loop_once(loop, -1, NULL);
	ok(m.armed == 0 && m.found == 1, "after a short sleep it looks by itself, and asks for none");
	m = (struct memory){ 0 };
	poll.limit_us = 2000;
	loop_once(loop, 100000, NULL);
	ok(m.looked > 1 && m.armed == 1, "it blocks when there was nothing for long");
	m = (struct memory){ 0 };
	loop_once(loop, 1, NULL);
	ok(m.looked == 1 && m.armed == 1, "and does not look again after a long sleep");
	poll.limit_us = 20000;
	for (i = 0; i < 13; i++) {
		m = (struct memory){ 0 };
		loop_once(loop, 1, NULL);
		looks += m.looked > 1;
	}
	ok(looks > 0 && looks <= 4, "nor often where it looks in vain (%d of 13 times)", looks);
	m = (struct memory){ .late = true };
	loop_once(loop, -1, NULL);
	ok(m.armed == 1, "it does not block when something came in at the last moment");
	loop_free(loop);
}

static int child_status = -1;

static void on_child(struct loop_child *c, int status)
{
	(void)c;
	child_status = status;
	loop_quit(the_loop, 0);
}

static void test_child(void)
{
	struct loop *loop = the_loop = loop_new(NULL);
	struct loop_child c = { .fn = on_child };
	char *argv[] = { "sh", "-c", "exit 5", NULL };
	struct spawn s = { .path = "sh", .argv = argv };
	pid_t pid = spawn(&s, NULL);

	ok(pid > 0 && loop_child_add(loop, &c, pid, NULL) == 0, "child watched");
	loop_run(loop, NULL);
	ok(WIFEXITED(child_status) && WEXITSTATUS(child_status) == 5, "child's status by pidfd");
	loop_free(loop);
}

static void test_reap(void)
{
	char *argv[] = { "sh", "-c", "exit 6", NULL };
	pid_t pid = spawn(&(struct spawn){ .path = "sh", .argv = argv }, NULL);
	int status = child_reap(pid);

	ok(pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 6, "a child's status");
	ok(child_reap(pid) < 0 && errno == ECHILD, "which can be had once");
}

/* Two descriptors ready in one round; the first callback removes both. */
static int calls;
static struct loop_io pair[2];

static void on_either(struct loop_io *io, uint32_t events)
{
	(void)io;
	(void)events;
	calls++;
	loop_io_remove(&pair[0]);
	loop_io_remove(&pair[1]);
}

static void test_removal(void)
{
	struct loop *loop = loop_new(NULL);
	int fds[2][2];

	for (int i = 0; i < 2; i++) {
		if (pipe(fds[i]) < 0 || write(fds[i][1], "x", 1) != 1)
			return;
		pair[i] = (struct loop_io){ .fd = fds[i][0], .events = EPOLLIN, .fn = on_either };
		loop_io_add(loop, &pair[i], NULL);
	}
	loop_once(loop, 0, NULL);
	ok(calls == 1, "a source removed in the same round is not called");
	loop_free(loop);
}

/* Two descriptors ready in one round; the callback of the first ends the loop. */
static void on_one(struct loop_io *io, uint32_t events)
{
	(void)events;
	calls++;
	loop_io_remove(io);
	loop_quit(io->data, 0);
}

static void test_quit_once(void)
{
	struct loop *loop = loop_new(NULL);
	int fds[2][2];

	calls = 0;
	for (int i = 0; i < 2; i++) {
		if (pipe(fds[i]) < 0 || write(fds[i][1], "x", 1) != 1)
			return;
		pair[i] = (struct loop_io){ .fd = fds[i][0], .events = EPOLLIN, .fn = on_one, .data = loop };
		loop_io_add(loop, &pair[i], NULL);
	}
	loop_once(loop, 0, NULL);
	ok(calls == 1, "loop_quit ends the round");
	loop_once(loop, 0, NULL);
	ok(calls == 2, "the next one has the events that are left");
	for (int i = 0; i < 4; i++)
		close(fds[i / 2][i % 2]);
	loop_free(loop);
}

static void test_spawn(void)
{
	char *missing[] = { "/no/such/program", NULL };
	char *talk[] = { "sh", "-c", "echo out; echo err >&2; kill -9 $$", NULL };
	char *hang[] = { "sleep", "60", NULL };
	_cleanup_error_ struct error e = { 0 };
	_cleanup_buf_ struct buf b = { 0 };
	int status;

	ok(spawn(&(struct spawn){ .path = missing[0], .argv = missing }, &e) == -1 && e.code == ENOENT,
	   "exec's errno arrives");
	ok(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD, "no zombie stays");
	status = spawn_wait(&(struct spawn){ .path = "sh", .argv = talk }, &b, 100, 0, &e);
	ok(WIFSIGNALED(status) && spawn_status_code(status) == 137, "status of a killed child");
	ok_str(buf_text(&b), "out\nerr\n", "both streams collected");
	ok(spawn_wait(&(struct spawn){ .path = "sleep", .argv = hang }, NULL, 0, 50000, &e) == -1 &&
		   e.code == ETIMEDOUT,
	   "deadline");
}

/* Sources that are each other's targets. */
static int record_pid(void *data, pid_t pid, struct error *err)
{
	pid_t *out = data;

	(void)err;
	*out = pid;
	return 0;
}

static int record_refuse(void *data, pid_t pid, struct error *err)
{
	(void)data;
	return error_set(err, ENOSPC, "record %d", pid > 0 ? 1 : 0);
}

static int record_die(void *data, pid_t pid, struct error *err)
{
	(void)data;
	(void)pid;
	(void)err;
	raise(SIGKILL);
	return -1;
}

/* A program that is recorded before it runs; its only output is "ran" in a pipe. */
static void test_spawn_recorded(void)
{
	char *argv[] = { (char *)"sh", (char *)"-c", (char *)"echo ran", NULL };
	_cleanup_error_ struct error e = { 0 };
	pid_t recorded = 0, pid, middle;
	char text[8] = "";
	int fds[2], status;
	struct spawn s = { .path = "sh", .argv = argv, .fds = &(struct spawn_fd){ 0, 1 }, .fd_count = 1 };

	if (pipe2(fds, O_CLOEXEC) < 0)
		exit(1);
	s.fds = &(struct spawn_fd){ fds[1], 1 };
	s.recorded = record_pid;
	s.recorded_data = &recorded;
	pid = spawn(&s, &e);
	ok(pid > 0 && recorded == pid && waitpid(pid, &status, 0) == pid && status == 0, "a recorded program runs");
	ok(read(fds[0], text, sizeof(text)) == 4, "once");
	s.recorded = record_refuse;
	ok(spawn(&s, &e) < 0 && e.code == ENOSPC, "one that could not be recorded fails");
	s.recorded = record_die;
	middle = fork();
	if (middle == 0) {
		spawn(&s, NULL);
		_exit(0);
	}
	ok(waitpid(middle, &status, 0) == middle && WIFSIGNALED(status), "who should record it dies");
	close(fds[1]);
	ok(read(fds[0], text, sizeof(text)) == 0, "and neither of the two has run, nor is there any more");
	close(fds[0]);
}

static void test_spawn_fds(void)
{
	char *argv[] = { "sh", "-c", "read a <&3; read b <&4; echo $a $b", NULL };
	int a[2], b[2];
	struct spawn_fd fds[2];
	struct spawn s = { .path = "sh", .argv = argv, .fds = fds, .fd_count = 2 };
	_cleanup_buf_ struct buf out = { 0 };

	if (pipe(a) < 0 || pipe(b) < 0)
		return;
	ok(write(a[1], "A\n", 2) == 2 && write(b[1], "B\n", 2) == 2, "pipes filled");
	dup2(a[0], 14);
	dup2(b[0], 13);
	fds[0] = (struct spawn_fd){ 14, 3 };
	fds[1] = (struct spawn_fd){ 13, 4 };
	spawn_wait(&s, &out, 100, 0, NULL);
	ok_str(buf_text(&out), "A B\n", "descriptors at their numbers");
}

/* A child that has a child, which ends with 3: the first ends only when *go is closed, and reaps the second before
 * where it is told so by a byte. Returns the second's number, as a runtime does that leaves its container's process to
 * us. */
static pid_t grandchild(int *go)
{
	int number[2], gate[2];
	pid_t pid = -1;

	if (pipe2(number, O_CLOEXEC) < 0 || pipe2(gate, O_CLOEXEC) < 0)
		return -1;
	if (fork() == 0) {
		char byte;

		close(gate[1]);
		pid = fork();
		if (pid == 0)
			_exit(3);
		if (write(number[1], &pid, sizeof(pid)) < 0)
			_exit(1);
		_exit(read(gate[0], &byte, 1) == 1 && waitpid(pid, NULL, 0) != pid);
	}
	if (read(number[0], &pid, sizeof(pid)) != (ssize_t)sizeof(pid))
		pid = -1;
	close(number[0]);
	close(number[1]);
	close(gate[0]); /* whose other end is ours alone: closing it lets the child end */
	*go = gate[1];
	return pid;
}

static void rounds(struct loop *loop, struct reaper *r, int n)
{
	while (n-- > 0) {
		loop_once(loop, 10000, NULL);
		reaper_run(r);
	}
}

static int late_status;

static void on_late_exit(struct exit_watch *w, int status)
{
	(void)w;
	late_status = status;
}

/* The process has ended, but its parent, which told us the number, has not. */
static void test_not_ours_yet(void)
{
	struct loop *loop = loop_new(NULL);
	struct exit_watch watch = { .fn = on_late_exit };
	struct reaper r;
	uint64_t deadline = loop_now() + 10 * 1000000;
	int go = -1;
	pid_t pid;

	ok(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0, "a subreaper");
	late_status = -1;
	reaper_init(&r, loop);
	pid = grandchild(&go);
	ok(process_descends(pid) && exit_watch_add(&r, &watch, pid, NULL) == 0, "watched by the reaper");
	rounds(loop, &r, 3);
	ok(late_status == -1, "it is not told before it is ours");
	close(go);
	while (late_status == -1 && loop_now() < deadline)
		rounds(loop, &r, 1);
	ok(WIFEXITED(late_status) && WEXITSTATUS(late_status) == 3 && !exit_watch_active(&watch),
	   "then with its status");
	late_status = -1;
	pid = grandchild(&go);
	ok(exit_watch_add(&r, &watch, pid, NULL) == 0 && write(go, "r", 1) == 1, "one that its parent reaps");
	while (late_status == -1 && loop_now() < deadline)
		rounds(loop, &r, 1);
	ok(WIFEXITED(late_status) && WEXITSTATUS(late_status) == 255 && !exit_watch_active(&watch),
	   "is no success: nobody else knows its status");
	close(go);
	ok(!process_descends(getppid()) && !process_descends(1) && exit_watch_add(&r, &watch, getppid(), NULL) < 0,
	   "another's process is never ours");
	while (waitpid(-1, NULL, 0) > 0)
		;
	prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
	reaper_free(&r);
	loop_free(loop);
}

/* Runs and reaps a child with that number (0: any). Returns it; -1: not allowed to choose. */
static pid_t child_end(struct reaper *r, pid_t number, int status)
{
	struct clone_args args = { .exit_signal = SIGCHLD };
	siginfo_t info;
	pid_t pid;

	if (number) {
		args.set_tid = (uintptr_t)&number;
		args.set_tid_size = 1;
	}
	pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0)
		_exit(status);
	if (pid > 0 && waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) == 0)
		reaper_run(r);
	return pid;
}

static int exit_status;

static void on_exit_seen(struct exit_watch *w, int status)
{
	(void)w;
	exit_status = WEXITSTATUS(status);
}

static void test_reaper(void)
{
	struct loop *loop = loop_new(NULL);
	struct exit_watch w = { .fn = on_exit_seen };
	_cleanup_error_ struct error e = { 0 };
	struct reaper r;
	pid_t pid, again;

	reaper_init(&r, loop);
	reaper_hold(&r);
	pid = child_end(&r, 0, 3);
	child_end(&r, 0, 4);
	ok(exit_watch_add(&r, &w, pid, NULL) == 0 && loop_once(loop, 1000000, NULL) == 0 && exit_status == 3,
	   "the status of a process that ended before it was watched");
	ok(exit_watch_add(&r, &w, pid, &e) < 0 && e.code == ESRCH, "which is there once");
	do /* somebody else may have the number by then */
		pid = child_end(&r, 0, 5);
	while ((again = child_end(&r, pid, 6)) < 0 && errno == EEXIST);
	if (again == pid)
		ok(exit_watch_add(&r, &w, pid, NULL) == 0 && loop_once(loop, 1000000, NULL) == 0 && exit_status == 6 &&
			   exit_watch_add(&r, &w, pid, NULL) < 0,
		   "of two with the same number the later one's");
	else
		ok(true, "a number used again # skip needs root");
	reaper_release(&r);
	ok(child_end(&r, 0, 7) > 0 && r.stranger_count == 0, "none is kept while nobody asks for it");
	reaper_free(&r);
	loop_free(loop);
}

int main(void)
{
	test_timers();
	test_poll();
	test_child();
	test_reap();
	test_removal();
	test_quit_once();
	test_spawn();
	test_spawn_fds();
	test_spawn_recorded();
	test_reaper();
	test_not_ours_yet();
	return tap_done();
}
