#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"
#include "loop.h"
#include "peer.h"

enum { CHUNK = 65536, LINE = 64 };

enum job { ASK, ECHO, SOURCE, SINK, HOLD };

struct session {
	struct loop_io io;
	enum job job;
	char line[LINE];
	size_t line_len;
	struct stream stream;
	uint64_t want, done; /* bytes */
	uint8_t *out;        /* echo: what is not written yet */
	size_t out_at, out_len;
	bool eof, ended, bad;
	bool packets; /* a first line is a whole message */
};

static uint8_t chunk[CHUNK];

static void session_free(struct session *s)
{
	loop_io_remove(&s->io);
	close(s->io.fd);
	free(s->out);
	free(s);
}

static void start(struct session *s)
{
	unsigned long long n = 0, seed = 0;
	char name[16];

	if (sscanf(s->line, "%15s %llu %llu", name, &n, &seed) < 1)
		name[0] = '\0';
	s->want = n;
	stream_start(&s->stream, seed);
	s->job = strcmp(name, "source") == 0 ? SOURCE
		: strcmp(name, "sink") == 0  ? SINK
		: strcmp(name, "hold") == 0  ? HOLD
					     : ECHO;
}

/* -1: the session is over. */
static int read_line(struct session *s)
{
	while (s->job == ASK) {
		ssize_t n = recv(s->io.fd, s->line + s->line_len, s->packets ? LINE - 2 : 1, 0);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -1;
		if (n == 0 || s->line_len == LINE - 2)
			return -1;
		s->line_len += (size_t)n;
		if (s->line[s->line_len - 1] == '\n')
			start(s);
	}
	return 0;
}

static int flush(struct session *s)
{
	while (s->out_len > 0) {
		ssize_t n = send(s->io.fd, s->out + s->out_at, s->out_len, MSG_NOSIGNAL);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -1;
		s->out_at += (size_t)n;
		s->out_len -= (size_t)n;
	}
	free(s->out);
	s->out = NULL;
	if (s->eof && !s->ended) {
		s->ended = true;
		shutdown(s->io.fd, SHUT_WR);
	}
	return 0;
}

static int echo(struct session *s)
{
	int rounds = 2;

	while (s->out_len == 0 && !s->eof && rounds-- > 0) {
		ssize_t n = recv(s->io.fd, chunk, CHUNK, 0), w = 0;

		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -1;
		s->eof = n == 0;
		if (n > 0)
			w = send(s->io.fd, chunk, (size_t)n, MSG_NOSIGNAL);
		if (w < 0 && errno != EAGAIN)
			return -1;
		if (w < 0)
			w = 0;
		if (w < n) {
			s->out = malloc((size_t)(n - w));
			if (!s->out)
				return -1;
			memcpy(s->out, chunk + w, (size_t)(n - w));
			s->out_at = 0;
			s->out_len = (size_t)(n - w);
		}
	}
	return flush(s);
}

static int source(struct session *s)
{
	int rounds = 2;

	while (rounds-- > 0) {
		ssize_t w;

		if (s->out_len == 0 && s->done < s->want) {
			s->out_len = s->want - s->done < CHUNK ? (size_t)(s->want - s->done) : CHUNK;
			s->out_at = 0;
			if (!s->out && !(s->out = malloc(CHUNK)))
				return -1;
			stream_fill(&s->stream, s->out, s->out_len);
			s->done += s->out_len;
		}
		if (s->out_len == 0)
			break;
		w = send(s->io.fd, s->out + s->out_at, s->out_len, MSG_NOSIGNAL);
		if (w < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -1;
		s->out_at += (size_t)w;
		s->out_len -= (size_t)w;
	}
	if (s->out_len == 0 && s->done == s->want && !s->ended) {
		s->ended = true;
		shutdown(s->io.fd, SHUT_WR);
	}
	return 0;
}

static int sink(struct session *s, bool count)
{
	int rounds = 2;

	while (rounds-- > 0 && !s->eof) {
		ssize_t n = recv(s->io.fd, chunk, CHUNK, 0);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -1;
		s->eof = n == 0;
		if (count && !stream_match(&s->stream, chunk, (size_t)n))
			s->bad = true;
		s->done += count ? (uint64_t)n : 0;
	}
	if (!s->eof || !count)
		return 0;
	const char *answer = s->bad || s->done != s->want ? "bad\n" : "ok\n";

	if (send(s->io.fd, answer, strlen(answer), MSG_NOSIGNAL) < 0)
		return -1;
	return -1; /* done: close */
}

static void session_ready(struct loop_io *io, uint32_t events)
{
	struct session *s = io->data;
	int r = s->job == ASK ? read_line(s) : 0;
	uint32_t want = EPOLLIN;

	if (r == 0 && s->job == ECHO)
		r = echo(s);
	if (r == 0 && s->job == SOURCE)
		r = source(s);
	if (r == 0 && s->job == SOURCE && events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP))
		r = sink(s, false);
	if (r == 0 && s->job == SINK)
		r = sink(s, true);
	if (r < 0 || (s->eof && s->ended) || (events & (EPOLLHUP | EPOLLERR) && s->job == HOLD)) {
		session_free(s);
		return;
	}
	if (s->job == HOLD || s->eof || (s->job == ECHO && s->out_len > 0))
		want = 0;
	if (s->out_len > 0 || (s->job == SOURCE && s->done < s->want))
		want |= EPOLLOUT;
	loop_io_want(&s->io, want, NULL);
}

static void session_start(struct loop *loop, int fd)
{
	struct session *s = calloc(1, sizeof(*s));
	int type = SOCK_STREAM;
	socklen_t len = sizeof(type);

	if (!s) {
		close(fd);
		return;
	}
	getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len);
	s->packets = type == SOCK_SEQPACKET;
	s->io = (struct loop_io){ .fd = fd, .events = EPOLLIN, .fn = session_ready, .data = s };
	if (loop_io_add(loop, &s->io, NULL) < 0)
		session_free(s);
}

/* All at once: one a round, behind the work of all that are there, would keep the last ones waiting for long. */
static void accept_ready(struct loop_io *io, uint32_t events)
{
	int fd;

	(void)events;
	while ((fd = accept4(io->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0)
		session_start(io->data, fd);
}

int peer_serve(int argc, char **argv)
{
	struct rlimit files = { 65536, 65536 };
	_cleanup_error_ struct error e = { 0 };
	struct loop *loop = loop_new(&e);
	struct loop_io *io = calloc((size_t)argc, sizeof(*io));
	int i;

	setrlimit(RLIMIT_NOFILE, &files); /* as far as it may */
	for (i = 1; loop && io && i < argc; i++) {
		io[i] = (struct loop_io){ .events = EPOLLIN, .fn = accept_ready, .data = loop };
		io[i].fd = peer_listen(argv[i], &e);
		if (io[i].fd < 0 || loop_io_add(loop, &io[i], &e) < 0)
			break;
	}
	if (loop && i == argc) {
		log_info("serving");
		loop_run(loop, &e);
	}
	log_error("%s", error_text(&e));
	return 1;
}
