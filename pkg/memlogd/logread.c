/* logread: shows the log, or follows it, also across a memlogd that is started again. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io.h"
#include "log.h"
#include "memlog.h"
#include "program.h"
#include "programs.h"
#include "str.h"
#include "unixsock.h"

enum { LINE_MOST = 1 << 20 };

struct logread {
	const char *socket;
	bool follow, both;
	enum memlog_query mode;
	uint64_t next; /* entry to go on with; 0: none was seen */
};

/* Unlike the daemon's sockets this one may block: there is nothing else to do. */
static int query_open(const struct logread *l, struct error *err)
{
	_cleanup_close_ int fd = -1;
	struct sockaddr_un address;
	uint8_t ask[MEMLOG_ASK];

	if (unixsock_address(&address, -1, NULL, l->socket) < 0)
		return error_set(err, errno, "%s", l->socket);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return error_set(err, errno, "%s", l->socket);
	if (io_write(fd, ask, memlog_ask(ask, l->mode, l->next)) < 0)
		return error_set(err, errno, "%s", l->socket);
	return steal_fd(&fd);
}

static int line_print(struct logread *l, const char *line, size_t n, struct buf *out, struct error *err)
{
	_cleanup_memlog_line_ struct memlog_line entry;
	char *at;

	if (memlog_line_parse(line, n, &entry, err) < 0)
		return -1;
	l->next = entry.next;
	if (buf_addf(out, "%s;", entry.time) < 0)
		return error_set(err, ENOMEM, "an entry");
	for (at = entry.source; *at; at++)
		if (buf_addf(out, *at == ';' ? "\\;" : "%c", *at) < 0)
			return error_set(err, ENOMEM, "an entry");
	return buf_addf(out, ";%s\n", entry.msg) < 0 ? error_set(err, ENOMEM, "an entry") : 0;
}

static int lines_print(struct logread *l, struct buf *in, struct error *err)
{
	_cleanup_buf_ struct buf out = { 0 };
	uint8_t *end;

	while ((end = memchr(buf_bytes(in), '\n', in->len))) {
		size_t n = (size_t)(end - buf_bytes(in));

		if (line_print(l, (char *)buf_bytes(in), n, &out, err) < 0)
			return -1;
		buf_consume(in, n + 1);
	}
	return out.len > 0 && io_write(STDOUT_FILENO, buf_bytes(&out), out.len) < 0
		? error_set(err, errno, "standard output")
		: 0;
}

/* Until the connection ends: 0. */
static int log_print(struct logread *l, int fd, struct error *err)
{
	_cleanup_buf_ struct buf in = { 0 };

	for (;;) {
		uint8_t *p = buf_reserve(&in, 16384);
		ssize_t n = p ? read(fd, p, 16384) : -1;

		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0 || (n < 0 && errno == ECONNRESET))
			return 0;
		if (n < 0 || in.len > LINE_MOST)
			return error_set(err, n < 0 ? errno : E2BIG, "%s", l->socket);
		buf_commit(&in, (size_t)n);
		if (lines_print(l, &in, err) < 0)
			return -1;
	}
}

static int logread_run(struct logread *l, struct error *err)
{
	do {
		_cleanup_close_ int fd = query_open(l, err);

		/* One that was killed is started again, and its socket is somebody's all the time. */
		if (fd < 0)
			return -1;
		if (log_print(l, fd, err) < 0)
			return err->code == EPIPE ? 0 : -1;
	} while (l->mode != MEMLOG_DUMP && l->next > 0);
	return 0;
}

static const struct option options[] = {
	{ .name = "follow",
	  .letter = 'f',
	  .set = option_set_switch,
	  .field = offsetof(struct logread, follow),
	  .help = "show what comes from now on" },
	{ .name = "dump-follow",
	  .letter = 'F',
	  .set = option_set_switch,
	  .field = offsetof(struct logread, both),
	  .help = "show what there is, and what comes" },
	{ .name = "socket",
	  .argument = "PATH",
	  .set = option_set_text,
	  .field = offsetof(struct logread, socket),
	  .help = "memlogd's query socket, /var/run/memlogdq.sock" },
	{ .name = "help", .letter = 'h', .help = "print this help" },
	{ 0 },
};

static const struct program program = {
	.name = "logread",
	.text = "Shows what memlogd has: TIME;SOURCE;MESSAGE.",
	.options = options,
};

int logread_main(char **argv)
{
	struct logread l = { 0 };
	_cleanup_error_ struct error err = { 0 };
	int r = program_line(&program, argv, &l);

	if (r >= 0)
		return r;
	/* Containers have the machine's /run under one of the two names. */
	if (!l.socket)
		l.socket = access("/var/run/memlogdq.sock", F_OK) == 0 ? "/var/run/memlogdq.sock" : MEMLOG_QUERY;
	l.mode = l.both ? MEMLOG_BOTH : l.follow ? MEMLOG_FOLLOW : MEMLOG_DUMP;
	if (logread_run(&l, &err) == 0)
		return 0;
	log_error("%s", error_text(&err));
	return 1;
}
