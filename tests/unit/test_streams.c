/* The shim's streams: what is waited for before a process gets them, when some are on the host and a logging program
 * is to be started. The test is the host, behind a socket of its own. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "logger.h"
#include "str.h"
#include "streams.h"
#include "tap.h"
#include "vsock.h"

static int host = -1;

int vsock_connect(uint32_t cid, uint32_t port, int type, struct error *err)
{
	int pair[2];

	(void)cid;
	(void)port;
	if (socketpair(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return error_set(err, errno, "socketpair");
	host = pair[1];
	return pair[0];
}

static char dir[] = "/tmp/test_streams.XXXXXX";
static int calls, failures;

static void on_ready(struct streams *s, const struct error *err)
{
	(void)s;
	calls++;
	failures += err != NULL;
}

enum { NOTHING, LOGGER_GOOD, LOGGER_BAD, REMOTE_GOOD, REMOTE_BAD };

static bool is_logger(int what)
{
	return what == LOGGER_GOOD || what == LOGGER_BAD;
}

/* Lets one of both answer, and waits until that was seen. */
static void answer(struct loop *loop, const struct streams *s, int control, int what)
{
	static const char *const says[] = { "", "echo >&5", "exit", "ok\n", "error none\n" };
	uint64_t deadline = loop_now() + 8 * 1000000;

	if (is_logger(what))
		dprintf(control, "%s\n", says[what]);
	while (!is_logger(what) && recv(host, (char[512]){ 0 }, 512, MSG_DONTWAIT) <= 0 && loop_now() < deadline)
		loop_once(loop, 10000, NULL);
	if (!is_logger(what))
		send(host, says[what], strlen(says[what]), MSG_NOSIGNAL);
	while ((is_logger(what) ? logger_pending(s->logger) : remote_active(&s->remotes[0])) && loop_now() < deadline)
		loop_once(loop, 10000, NULL);
}

static void test_both(struct loop *loop, struct reaper *reaper, const char *fifo, int control)
{
	static const struct {
		const char *name;
		int first, second;
		int calls, failures; /* after the first; after the second it is always one call */
	} rows[] = {
		{ "the logger is ready, then the host", LOGGER_GOOD, REMOTE_GOOD, 0, 0 },
		{ "the host is ready, then the logger", REMOTE_GOOD, LOGGER_GOOD, 0, 0 },
		{ "the logger is ready, the host is not", LOGGER_GOOD, REMOTE_BAD, 0, 0 },
		{ "the host is ready, the logger is not", REMOTE_GOOD, LOGGER_BAD, 0, 0 },
		{ "the logger is not, and the host is not waited for", LOGGER_BAD, NOTHING, 1, 1 },
		{ "the host is not, what the logger then says is nothing", REMOTE_BAD, LOGGER_GOOD, 1, 1 },
		{ "neither is", REMOTE_BAD, LOGGER_BAD, 1, 1 },
	};
	const struct streams_owner owner = { .loop = loop, .reaper = reaper, .id = "x", .namespace = "y" };
	_cleanup_free_ char *in = str_format("%s/none", dir);
	_cleanup_free_ char *out =
		str_format("binary-v2:///bin/sh?-c=read+x+<%s;+eval+$x;+exec+5>%%26-;+cat+<%%263", fifo);

	for (size_t i = 0; i < array_len(rows); i++) {
		struct streams s;
		struct streams_paths paths;
		int bad = rows[i].first == LOGGER_BAD || rows[i].first == REMOTE_BAD || rows[i].second == LOGGER_BAD ||
			rows[i].second == REMOTE_BAD;

		calls = failures = 0;
		streams_init(&s);
		streams_paths_set(&paths, in, out, "", false);
		streams_prepare(&s, &owner, &paths, on_ready);
		ok(calls == 0 && host >= 0 && s.logger, "both are waited for");
		answer(loop, &s, control, rows[i].first);
		ok(calls == rows[i].calls && failures == rows[i].failures, "%s: at first %d, %d", rows[i].name, calls,
		   failures);
		if (rows[i].second == NOTHING)
			ok(!remote_active(&s.remotes[0]), "%s", rows[i].name);
		else
			answer(loop, &s, control, rows[i].second);
		ok(calls == 1 && failures == bad, "%s: told once", rows[i].name);
		streams_close(&s);
		streams_paths_clear(&paths);
		cleanup_close(&host);
		host = -1;
	}
}

/* Where a container can put things beside its log. */
static void test_logs(struct loop *loop, struct reaper *reaper)
{
	static const struct {
		const char *name, *scheme;
		enum { NONE, FILE_THERE, LINK, SECOND_NAME, FIFO, FOLDER } what;
		bool good;
	} rows[] = {
		{ "a log that is not there is made", "file://", NONE, true },
		{ "one that is there is appended to", "file://", FILE_THERE, true },
		{ "a link in its place is not followed", "file://", LINK, false },
		{ "nor is another file's second name written into", "file://", SECOND_NAME, false },
		{ "a fifo that nobody reads does not block", "file://", FIFO, true },
		{ "a folder is no log", "file://", FOLDER, false },
		{ "a client's fifo", "", FIFO, true },
		{ "a client's file", "", FILE_THERE, true },
		{ "a folder is no output", "", FOLDER, false },
	};
	const struct streams_owner owner = { .loop = loop, .reaper = reaper, .id = "x", .namespace = "y" };
	_cleanup_free_ char *log = str_format("%s/log", dir), *other = str_format("%s/other", dir);

	for (size_t i = 0; i < array_len(rows); i++) {
		_cleanup_free_ char *out = str_format("%s%s", rows[i].scheme, log);
		_cleanup_close_ int fd = open(other, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		struct streams_paths paths;
		struct streams s;

		calls = failures = 0;
		ok(fd >= 0 &&
			   (rows[i].what == NONE ||
			    (rows[i].what == FILE_THERE && mknod(log, S_IFREG | 0600, 0) == 0) ||
			    (rows[i].what == LINK && symlink(other, log) == 0) ||
			    (rows[i].what == SECOND_NAME && link(other, log) == 0) ||
			    (rows[i].what == FIFO && mkfifo(log, 0600) == 0) ||
			    (rows[i].what == FOLDER && mkdir(log, 0700) == 0)),
		   "something is there");
		streams_init(&s);
		streams_paths_set(&paths, "", out, "", false);
		streams_prepare(&s, &owner, &paths, on_ready);
		ok(calls == 1 && failures == !rows[i].good, "%s", rows[i].name);
		streams_close(&s);
		streams_paths_clear(&paths);
		ok(unlink(log) == 0 || rmdir(log) == 0 || (rows[i].what == NONE && !rows[i].good), "it is still there");
		unlink(other);
	}
}

/* A logging program that reads when it is told to. Until then its log is not what the process has written. */
static void test_logged(struct loop *loop, struct reaper *reaper, const char *fifo, int control)
{
	const struct streams_owner owner = { .loop = loop, .reaper = reaper, .id = "x", .namespace = "y" };
	_cleanup_free_ char *program =
		str_format("binary:///bin/sh?-c=exec+5>%%26-;+read+x+<%s;+exec+cat+<%%26$x+>/dev/null", fifo);

	for (int which = 1; which <= 2; which++) {
		uint64_t deadline = loop_now() + 60 * 1000000;
		struct streams_paths paths;
		struct streams s;

		calls = failures = 0;
		streams_init(&s);
		streams_paths_set(&paths, "", program, "", false);
		streams_prepare(&s, &owner, &paths, on_ready);
		while (calls == 0 && loop_now() < deadline)
			loop_once(loop, 10000, NULL);
		ok(calls == 1 && failures == 0 && streams_are_read(&s),
		   "a logging program is ready, and there is no log");
		ok(write(s.child[which], "words\n", 6) == 6 && streams_start(&s, NULL) == 0, "the process writes");
		streams_exited(&s);
		ok(!streams_are_read(&s), "and ends: the logging program has not read it (%s)",
		   which == 1 ? "output" : "error output");
		dprintf(control, "%d\n", which == 1 ? 3 : 4);
		while (!streams_are_read(&s) && loop_now() < deadline)
			loop_once(loop, 10000, NULL);
		ok(streams_are_read(&s), "it reads it: now it has");
		while (!logger_exited(s.logger) && loop_now() < deadline) {
			loop_once(loop, 10000, NULL);
			reaper_run(reaper);
		}
		ok(logger_exited(s.logger), "and sees its input end");
		streams_close(&s);
		streams_paths_clear(&paths);
	}
}

/* The client's copy of the output when it is told of the end, though the loop has not seen any output yet. */
static void test_exited(struct loop *loop, struct reaper *reaper)
{
	const struct streams_owner owner = { .loop = loop, .reaper = reaper, .id = "x", .namespace = "y" };
	_cleanup_free_ char *out = str_format("%s/out", dir), *err = str_format("%s/err", dir);
	char got[2][16] = { "", "" };
	struct streams_paths paths;
	struct streams s;
	int fds[2] = { -1, -1 };

	ok(mkfifo(out, 0600) == 0 && mkfifo(err, 0600) == 0, "two fifos");
	fds[0] = open(out, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	fds[1] = open(err, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	calls = failures = 0;
	streams_init(&s);
	streams_paths_set(&paths, "", out, err, false);
	streams_prepare(&s, &owner, &paths, on_ready);
	ok(calls == 1 && failures == 0, "its streams are there");
	dprintf(s.child[1], "last words");
	dprintf(s.child[2], "complaint");
	ok(streams_start(&s, NULL) == 0 && read(fds[0], got[0], 15) < 0, "nothing has been copied yet");
	streams_exited(&s);
	ok(!streams_are_read(&s) && read(fds[0], got[0], 15) == 10 && str_eq(got[0], "last words"),
	   "at its end the output is there");
	ok(!streams_are_read(&s) && read(fds[1], got[1], 15) == 9 && str_eq(got[1], "complaint"), "and the other one");
	ok(streams_are_read(&s), "then both have been read");
	streams_close(&s);
	streams_paths_clear(&paths);
	for (int i = 0; i < 2; i++)
		cleanup_close(&fds[i]);
	unlink(out);
	unlink(err);
}

/* Nobody has the fifo open: there is nobody to wait for, and what is in it stays for whoever comes. */
static void test_unread(struct loop *loop, struct reaper *reaper)
{
	const struct streams_owner owner = { .loop = loop, .reaper = reaper, .id = "x", .namespace = "y" };
	_cleanup_free_ char *out = str_format("%s/out", dir);
	uint64_t deadline = loop_now() + 60 * 1000000;
	struct streams_paths paths;
	char got[16] = "";
	struct streams s;
	int fd;

	ok(mkfifo(out, 0600) == 0, "a fifo that nobody reads");
	streams_init(&s);
	streams_paths_set(&paths, "", out, "", false);
	streams_prepare(&s, &owner, &paths, on_ready);
	dprintf(s.child[1], "last words");
	ok(streams_start(&s, NULL) == 0, "the process writes");
	streams_exited(&s);
	while (s.outputs > 0 && loop_now() < deadline)
		loop_once(loop, 10000, NULL);
	ok(s.outputs == 0 && streams_are_read(&s), "and ends: nobody is waited for");
	fd = open(out, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ok(read(fd, got, 15) == 10 && str_eq(got, "last words"), "whoever comes later reads it");
	cleanup_close(&fd);
	streams_close(&s);
	streams_paths_clear(&paths);
	unlink(out);
}

int main(void)
{
	struct loop *loop = loop_new(NULL);
	struct reaper reaper;
	_cleanup_free_ char *fifo = mkdtemp(dir) ? str_format("%s/control", dir) : NULL;
	_cleanup_close_ int control = fifo && mkfifo(fifo, 0600) == 0 ? open(fifo, O_RDWR | O_CLOEXEC) : -1;

	reaper_init(&reaper, loop);
	if (ok(control >= 0, "a fifo")) {
		test_both(loop, &reaper, fifo, control);
		test_logged(loop, &reaper, fifo, control);
	}
	test_logs(loop, &reaper);
	test_exited(loop, &reaper);
	test_unread(loop, &reaper);
	/* The programs end by themselves, when their input does. */
	while (!list_empty(&reaper.watches)) {
		loop_once(loop, 10000, NULL);
		reaper_run(&reaper);
	}
	reaper_free(&reaper);
	loop_free(loop);
	unlink(fifo);
	rmdir(dir);
	return tap_done();
}
