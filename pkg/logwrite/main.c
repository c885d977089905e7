/* logwrite: what memlogd has, and what comes, in files.
 *
 *   CONNECTING --connected, asked--> READING --end, error--> WAITING --pause--> CONNECTING
 *
 * A connection that brought something is followed by the next at once, one that did not by a pause that doubles. Each
 * entry has a number (memlog.h): the next connection goes on behind the last one that was written. The number is kept
 * in LOG-DIR/.logwrite.state with the machine's boot, so that a logwrite that is started again does the same. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backoff.h"
#include "beneath.h"
#include "confine.h"
#include "io.h"
#include "log.h"
#include "logs.h"
#include "loop.h"
#include "memlog.h"
#include "program.h"
#include "str.h"
#include "unixsock.h"

#define STATE   ".logwrite.state"
#define BOOT_ID "/proc/sys/kernel/random/boot_id"

enum { PIECE = 16384, LINE_MOST = 1 << 20, PIECES_A_TURN = 16 };

struct logwrite {
	struct loop *loop;
	struct loop_io io;
	struct loop_timer again, sync;
	struct buf in;
	struct logs logs;
	const char *socket, *log_dir;
	uint64_t max_files, max_size, sync_seconds;
	char *boot;         /* NULL: not known */
	uint64_t next;      /* the entry to go on with */
	uint64_t pause;     /* of the last attempt */
	bool brought, said; /* this connection has brought something; it was said that there is none */
};

static const struct backoff attempts = { .first = 100000, .most = 10000000 };

/* --- where it is ---------------------------------------------------------------------------------------------------
 */

static void state_read(struct logwrite *w)
{
	const struct beneath_want want = beneath_file(getuid());
	_cleanup_buf_ struct buf text = { 0 };
	const char *blank;
	uint64_t next;

	w->boot = file_line(BOOT_ID, NULL);
	if (!w->boot || beneath_read(w->logs.dir, STATE, 128, &want, &text, NULL) < 0)
		return;
	blank = strchr(buf_text(&text), ' ');
	if (blank && (size_t)(blank - buf_text(&text)) == strlen(w->boot) && str_starts(buf_text(&text), w->boot) &&
	    str_to_u64(blank + 1, UINT64_MAX, &next) == 0)
		w->next = next;
}

/* Lost, it is only some lines written twice. */
static void state_write(struct logwrite *w)
{
	const struct beneath_want want = beneath_file(getuid());
	_cleanup_close_ int fd = -1;
	char text[128];
	int n;

	if (!w->boot || w->next == 0)
		return;
	n = snprintf(text, sizeof(text), "%s %020llu", w->boot, (unsigned long long)w->next);
	fd = beneath_open(w->logs.dir, STATE, O_WRONLY | O_CREAT, 0600, &want, NULL);
	if (fd >= 0)
		(void)!pwrite(fd, text, (size_t)n, 0);
}

static void sync_now(struct loop_timer *timer)
{
	struct logwrite *w = timer->data;

	logs_sync(&w->logs);
	state_write(w);
}

/* --- entries -------------------------------------------------------------------------------------------------------
 */

/* "RFC3339 SOURCE MSG", seconds without their fraction. */
static void entry_write(struct logwrite *w, const struct memlog_line *e)
{
	_cleanup_error_ struct error err = { 0 };
	_cleanup_buf_ struct buf text = { 0 };
	const char *zone = e->time + strcspn(e->time, ".");

	if (*zone == '.')
		zone += 1 + strspn(zone + 1, "0123456789");
	else
		zone = "";
	if (buf_addf(&text, "%.*s%s %s %s\n", (int)strcspn(e->time, "."), e->time, zone, e->source, e->msg) < 0)
		return;
	if (logs_add(&w->logs, e->source, buf_text(&text), text.len, &err) < 0 && err.msg)
		log_error("%s; lines are lost until that is over", error_text(&err));
	if (w->sync_seconds > 0 && !loop_timer_armed(&w->sync))
		loop_timer_after(w->loop, &w->sync, w->sync_seconds * 1000000, NULL);
}

static void lines_take(struct logwrite *w)
{
	uint8_t *end;

	while ((end = memchr(buf_bytes(&w->in), '\n', w->in.len))) {
		size_t n = (size_t)(end - buf_bytes(&w->in));
		_cleanup_memlog_line_ struct memlog_line line;
		_cleanup_error_ struct error err = { 0 };

		if (memlog_line_parse((char *)buf_bytes(&w->in), n, &line, &err) < 0) {
			log_warn("%s", error_text(&err));
		} else {
			w->next = line.next;
			w->brought = true;
			/* Ours comes back through memlogd, too. */
			if (!str_starts(line.source, "logwrite"))
				entry_write(w, &line);
		}
		buf_consume(&w->in, n + 1);
	}
}

/* --- the connection ------------------------------------------------------------------------------------------------
 */

static void connection_end(struct logwrite *w)
{
	loop_io_remove(&w->io);
	cleanup_close(&w->io.fd);
	w->io.fd = -1;
	buf_clear(&w->in);
	w->pause = backoff_next(&attempts, w->brought ? 0 : w->pause);
	w->brought = false;
	loop_timer_after(w->loop, &w->again, w->pause, NULL);
}

static void query_ready(struct loop_io *io, uint32_t events)
{
	struct logwrite *w = io->data;

	(void)events;
	for (int i = 0; i < PIECES_A_TURN; i++) {
		uint8_t *p = buf_reserve(&w->in, PIECE);
		ssize_t n = p ? recv(io->fd, p, PIECE, MSG_DONTWAIT) : -1;

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0 || w->in.len > LINE_MOST) {
			connection_end(w);
			return;
		}
		buf_commit(&w->in, (size_t)n);
		lines_take(w);
	}
}

static int query_open(struct logwrite *w, struct error *err)
{
	_cleanup_close_ int fd = -1;
	struct sockaddr_un address;
	uint8_t ask[MEMLOG_ASK];
	size_t n = memlog_ask(ask, MEMLOG_BOTH, w->next);

	if (unixsock_address(&address, -1, NULL, w->socket) < 0)
		return error_set(err, errno, "%s", w->socket);
	fd = unixsock_connect(&address, SOCK_STREAM);
	if (fd < 0 || send(fd, ask, n, MSG_NOSIGNAL) != (ssize_t)n)
		return error_set(err, errno, "%s", w->socket);
	w->io = (struct loop_io){ .fd = fd, .events = EPOLLIN, .fn = query_ready, .data = w };
	if (loop_io_add(w->loop, &w->io, err) < 0)
		return -1;
	fd = -1;
	return 0;
}

static void query_try(struct loop_timer *timer)
{
	struct logwrite *w = timer->data;
	_cleanup_error_ struct error err = { 0 };

	if (query_open(w, &err) == 0) {
		w->said = false;
		return;
	}
	if (!w->said)
		log_warn("%s; trying again", error_text(&err));
	w->said = true;
	w->pause = backoff_next(&attempts, w->pause);
	loop_timer_after(w->loop, &w->again, w->pause, NULL);
}

/* --- the program ---------------------------------------------------------------------------------------------------
 */

static void on_signal(void *data, int signo)
{
	if (signo == SIGTERM || signo == SIGINT || signo == SIGQUIT)
		loop_quit(data, 0);
}

static int logwrite_run(struct logwrite *w, struct error *err)
{
	struct confine_dir dirs[1] = { { .access = CONFINE_READ | CONFINE_WRITE | CONFINE_REMOVE | CONFINE_MAKE } };
	sigset_t signals;
	int r;

	w->logs = (struct logs){ .dir = open(w->log_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
				 .max_size = w->max_size,
				 .max_files = w->max_files };
	if (w->logs.dir < 0)
		return error_set(err, errno, "-log-dir %s", w->log_dir);
	w->loop = loop_new(err);
	loop_signals_fill(&signals);
	if (!w->loop || loop_signals(w->loop, &signals, on_signal, w->loop, err) < 0)
		return -1;
	w->again = (struct loop_timer){ .fn = query_try, .data = w };
	w->sync = (struct loop_timer){ .fn = sync_now, .data = w };
	state_read(w);
	dirs[0].fd = w->logs.dir;
	if (confine_capabilities(err) < 0 || confine_files(dirs, array_len(dirs), CONFINE_TCP_NONE, err) < 0)
		return -1;
	query_try(&w->again);
	r = loop_run(w->loop, err);
	logs_close(&w->logs);
	state_write(w);
	return r;
}

#define FIELD(name) .field = offsetof(struct logwrite, name)

static const struct option options[] = {
	{ "socket", .argument = "PATH", .set = option_set_text, FIELD(socket),
	  .help = "memlogd's query socket, /var/run/memlogdq.sock" },
	{ "log-dir", .argument = "DIR", .set = option_set_text, FIELD(log_dir),
	  .help = "where the files are, /var/log" },
	{ "max-log-files", .argument = "N", .set = option_set_number, FIELD(max_files), .min = 1, .max = 1000,
	  .help = "files of a source that are kept beside the present one, 10" },
	{ "max-log-size", .argument = "BYTES", .set = option_set_number, FIELD(max_size), .min = 1, .max = INT64_MAX,
	  .help = "a file that is larger is kept, and a new one begun, 1048576" },
	{ "sync", .argument = "SECONDS", .set = option_set_number, FIELD(sync_seconds), .max = 86400,
	  .help = "lines are on the disk so long after they came, 5; 0: when the kernel thinks fit" },
	{ "help", 'h', .help = "print this help" },
	{ 0 },
};

static const struct program program = {
	.name = "logwrite",
	.text = "Writes what memlogd has, and what comes, into files, one for each source.",
	.options = options,
};

int main(int argc, char **argv)
{
	static struct logwrite w = { .socket = "/var/run/memlogdq.sock",
				     .log_dir = "/var/log",
				     .max_files = 10,
				     .max_size = 1 << 20,
				     .sync_seconds = 5,
				     .io.fd = -1 };
	_cleanup_error_ struct error err = { 0 };
	int r;

	(void)argc;
	io_fill_standard();
	log_setup("logwrite", LOG_LEVEL_INFO, false);
	signal(SIGPIPE, SIG_IGN);
	r = program_line(&program, argv, &w);
	if (r >= 0)
		return r;
	r = logwrite_run(&w, &err);
	if (r < 0)
		log_error("%s", error_text(&err));
	return r < 0 ? 1 : r;
}
