/* Many connections at once, each with a job and a size drawn at random; ended ones are replaced until time is up, when
 * what is far from done is cut short. Now and then a client just closes. Every byte is checked. Says at the end how
 * much went well, and how long the longest stretch was in which a connection stood still. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"
#include "loop.h"
#include "peer.h"

enum {
	CHUNK = 65536,
	STALL_US = 60 * 1000000,
	SHORT = 16 << 20, /* bytes left that may still come when time is up */
	MANY = 1 << 20,
	CUTS = 16, /* one in so many is cut by its client, in runs that last for a time */
};

enum job { ECHO, SOURCE, SINK, JOBS };

struct load {
	struct loop *loop;
	const char *address;
	uint64_t min, max, deadline, random;
	size_t want, running, started, finished, failed, cut;
	uint64_t bytes, longest;
	struct loop_timer tick;
	struct task *tasks;
	char who[96]; /* stood still that long */
	bool timed;   /* runs for a time, not for a number of connections */
};

struct task {
	struct load *load;
	struct loop_io io;
	enum job job;
	char line[64];
	size_t line_len, line_at;
	struct stream up, down;
	uint64_t size, sent, heard, cut_at;
	uint64_t moved; /* when it last got on */
	uint8_t *out;
	size_t out_at, out_len;
	bool shut, eof;
	char answer[8];
};

static uint8_t chunk[CHUNK];

static uint64_t draw(struct load *l)
{
	l->random ^= l->random << 13;
	l->random ^= l->random >> 7;
	l->random ^= l->random << 17;
	return l->random;
}

static void task_start(struct load *l, struct task *t);

/* As many small ones as large ones, by order of magnitude; three of four no larger than a mebibyte, since the large
 * ones would soon be all that is there. */
static uint64_t draw_size(struct load *l)
{
	uint64_t range = l->max - l->min + 1;
	unsigned bits = 1;

	if (l->timed && range > MANY && draw(l) % 4 > 0)
		range = MANY;
	while (bits < 63 && UINT64_C(1) << bits < range)
		bits++;
	return l->min + (draw(l) >> (63 - draw(l) % bits)) % range;
}

static void task_end(struct task *t, const char *problem)
{
	struct load *l = t->load;

	if (t->cut_at == 1) {
		l->cut++;
	} else if (problem) {
		l->failed++;
		log_error("job %d of %" PRIu64 " bytes, %" PRIu64 " sent, %" PRIu64 " heard: %s", t->job, t->size,
			  t->sent, t->heard, problem);
	} else {
		l->finished++;
	}
	loop_io_remove(&t->io);
	close(t->io.fd);
	free(t->out);
	t->out = NULL;
	t->io.fd = -1;
	l->running--;
	if (l->failed < 20 && loop_now() < l->deadline)
		task_start(l, t);
	else if (l->running == 0)
		loop_quit(l->loop, 0);
}

static void moved(struct task *t, uint64_t bytes)
{
	uint64_t now = loop_now();

	if (now - t->moved > t->load->longest) {
		t->load->longest = now - t->moved;
		snprintf(t->load->who, sizeof(t->load->who),
			 "job %d of %" PRIu64 ", %" PRIu64 " sent, %" PRIu64 " heard", t->job, t->size, t->sent,
			 t->heard);
	}
	t->moved = now;
	t->load->bytes += bytes;
}

/* 1: go on, 0: later, -1: error */
static int send_some(struct task *t, const void *data, size_t n, size_t *done)
{
	ssize_t r = send(t->io.fd, data, n, MSG_NOSIGNAL);

	if (r < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	*done = (size_t)r;
	moved(t, (uint64_t)r);
	return 1;
}

static int write_part(struct task *t)
{
	int rounds = 2, r = 1;
	size_t n = 0;

	while (r > 0 && t->line_at < t->line_len) {
		r = send_some(t, t->line + t->line_at, t->line_len - t->line_at, &n);
		t->line_at += r > 0 ? n : 0;
	}
	while (r > 0 && t->job != SOURCE && t->sent < t->size && rounds-- > 0) {
		if (t->out_len == 0) {
			t->out_len = t->size - t->sent < CHUNK ? (size_t)(t->size - t->sent) : CHUNK;
			t->out_at = 0;
			if (!t->out && !(t->out = malloc(CHUNK)))
				return -1;
			stream_fill(&t->up, t->out, t->out_len);
		}
		r = send_some(t, t->out + t->out_at, t->out_len, &n);
		if (r > 0) {
			t->out_at += n;
			t->out_len -= n;
			t->sent += n;
		}
	}
	/* The source's client ends its side early or late. */
	if (r > 0 && !t->shut && (t->job == SOURCE ? t->size & 1 || t->eof : t->sent == t->size)) {
		t->shut = true;
		shutdown(t->io.fd, SHUT_WR);
	}
	return r < 0 ? -1 : 0;
}

static const char *read_part(struct task *t)
{
	int rounds = 2;

	while (!t->eof && rounds-- > 0) {
		ssize_t n = recv(t->io.fd, chunk, CHUNK, 0);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? NULL : strerror(errno);
		t->eof = n == 0;
		moved(t, (uint64_t)n);
		if (t->job == SINK) {
			if (t->heard + (uint64_t)n >= sizeof(t->answer))
				return "too long an answer";
			memcpy(t->answer + t->heard, chunk, (size_t)n);
		} else if (!stream_match(&t->down, chunk, (size_t)n)) {
			return "other bytes than were sent";
		}
		t->heard += (uint64_t)n;
	}
	return NULL;
}

static void task_ready(struct loop_io *io, uint32_t events)
{
	struct task *t = io->data;
	const char *problem = NULL;

	if (t->cut_at > 0 && t->sent + t->heard >= t->cut_at) {
		t->cut_at = 1;
		task_end(t, NULL);
		return;
	}
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		problem = read_part(t);
	if (!problem && !t->shut && write_part(t) < 0)
		problem = strerror(errno);
	if (problem) {
		task_end(t, problem);
		return;
	}
	if (!t->eof) {
		loop_io_want(io, EPOLLIN | (t->shut || (t->job == SOURCE && t->line_at == t->line_len) ? 0 : EPOLLOUT),
			     NULL);
		return;
	}
	if (!t->shut && t->job != SOURCE)
		problem = "end of file before all was sent";
	else if (t->job == SINK ? strcmp(t->answer, "ok\n") != 0 : t->heard != t->size)
		problem = "not all came back";
	task_end(t, problem);
}

static void task_start(struct load *l, struct task *t)
{
	_cleanup_error_ struct error e = { 0 };
	uint64_t seed = draw(l) | 1;
	int fd = peer_connect(l->address, &e);

	*t = (struct task){ .load = l, .moved = loop_now(), .job = (enum job)(draw(l) % JOBS) };
	t->io = (struct loop_io){ .fd = fd, .events = EPOLLIN | EPOLLOUT, .fn = task_ready, .data = t };
	t->size = draw_size(l);
	if (l->timed && draw(l) % CUTS == 0)
		t->cut_at = 2 + draw(l) % (2 * t->size + 1);
	stream_start(&t->up, seed);
	stream_start(&t->down, seed);
	t->line_len = (size_t)(t->job == ECHO ? snprintf(t->line, sizeof(t->line), "echo\n")
					      : snprintf(t->line, sizeof(t->line), "%s %" PRIu64 " %" PRIu64 "\n",
							 t->job == SINK ? "sink" : "source", t->size, seed));
	l->started++;
	l->running++;
	if (fd < 0 || loop_io_add(l->loop, &t->io, &e) < 0) {
		log_error("%s", error_text(&e));
		l->failed = 20;
		task_end(t, "no connection");
	}
}

static uint64_t task_left(const struct task *t)
{
	uint64_t bytes = t->job == ECHO ? 2 * t->size : t->size;

	return bytes - (t->job == SOURCE ? 0 : t->sent) - (t->job == SINK ? 0 : t->heard);
}

/* A connection that stands still for ever ends the test. */
static void tick(struct loop_timer *timer)
{
	struct load *l = timer->data;
	size_t i;

	for (i = 0; i < l->want; i++)
		if (l->tasks[i].io.fd >= 0 && loop_now() - l->tasks[i].moved > STALL_US) {
			moved(&l->tasks[i], 0);
			task_end(&l->tasks[i], "stands still");
		} else if (l->tasks[i].io.fd >= 0 && l->timed && loop_now() >= l->deadline &&
			   task_left(&l->tasks[i]) > SHORT) {
			l->tasks[i].cut_at = 1;
			task_end(&l->tasks[i], NULL);
		}
	if (l->running > 0)
		loop_timer_after(l->loop, timer, 1000000, NULL);
}

int peer_load(int argc, char **argv)
{
	struct rlimit files = { 65536, 65536 };
	struct load l = { .address = argv[1], .random = 88172645463325252ULL };
	uint64_t start = loop_now();
	size_t i;

	if (argc < 6)
		return 2;
	setrlimit(RLIMIT_NOFILE, &files);
	l.want = strtoul(argv[2], NULL, 10);
	l.min = strtoull(argv[3], NULL, 10);
	l.max = strtoull(argv[4], NULL, 10);
	l.deadline = start + strtoull(argv[5], NULL, 10) * 1000000;
	l.timed = l.deadline > start;
	if (argc > 6)
		l.random ^= strtoull(argv[6], NULL, 10);
	l.loop = loop_new(NULL);
	l.tasks = calloc(l.want, sizeof(*l.tasks));
	l.tick = (struct loop_timer){ .fn = tick, .data = &l };
	if (!l.loop || !l.tasks)
		return 1;
	for (i = 0; i < l.want; i++)
		l.tasks[i].io.fd = -1;
	for (i = 0; i < l.want && l.failed < 20; i++)
		task_start(&l, &l.tasks[i]);
	loop_timer_after(l.loop, &l.tick, 1000000, NULL);
	if (l.running > 0)
		loop_run(l.loop, NULL);
	printf("%zu connections, %zu at once, %zu failed, %zu cut short, %" PRIu64
	       " MiB, %.1f MiB/s, longest stall %.2f s (%s)\n",
	       l.finished, l.want, l.failed, l.cut, l.bytes >> 20,
	       (double)l.bytes / 1.048576 / (double)(loop_now() - start), (double)l.longest / 1e6, l.who);
	return l.failed > 0;
}
