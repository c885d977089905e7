/* The shim's streams: what is waited for before a process gets them, when some are on the host and a logging program
 * is to be started. The test is the host, behind a socket of its own. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>

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

int main(void)
{
	struct loop *loop = loop_new(NULL);
	struct reaper reaper;
	_cleanup_free_ char *fifo = mkdtemp(dir) ? str_format("%s/control", dir) : NULL;
	_cleanup_close_ int control = fifo && mkfifo(fifo, 0600) == 0 ? open(fifo, O_RDWR | O_CLOEXEC) : -1;

	reaper_init(&reaper, loop);
	if (ok(control >= 0, "a fifo"))
		test_both(loop, &reaper, fifo, control);
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
