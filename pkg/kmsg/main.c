/* kmsg: the kernel's messages, those that there are and those that come, on standard error:
 * "(NUMBER) - TIME: MESSAGE". */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "confine.h"
#include "io.h"
#include "log.h"
#include "loop.h"
#include "memlog.h"
#include "program.h"
#include "record.h"

enum { RECORD_MOST = 8192, RECORDS_A_TURN = 64 };

struct kmsg {
	struct loop *loop;
	struct loop_io io;
	uint64_t next; /* number of the record to come; 0: not known */
};

/* The kernel's clock as the time of day: both stand at the same moment. */
static struct timespec record_time(uint64_t us)
{
	struct timespec day, boot;
	int64_t ns;

	clock_gettime(CLOCK_REALTIME, &day);
	clock_gettime(CLOCK_MONOTONIC, &boot);
	ns = (day.tv_sec - boot.tv_sec) * INT64_C(1000000000) + (day.tv_nsec - boot.tv_nsec);
	ns += (int64_t)(us % (UINT64_C(1) << 50)) * 1000;
	if (ns < 0)
		ns = 0;
	return (struct timespec){ .tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000) };
}

/* -1: standard error is gone. */
static int record_print(struct kmsg *k, const struct kmsg_record *r)
{
	struct timespec time = record_time(r->us);
	_cleanup_buf_ struct buf out = { 0 };
	char text[MEMLOG_TIME];

	memlog_time_format(text, &time);
	if (k->next && r->number > k->next)
		buf_addf(&out,
			 "(%llu) - %s: kmsg: %llu messages of the kernel were overwritten before they were read\n",
			 (unsigned long long)k->next, text, (unsigned long long)(r->number - k->next));
	k->next = r->number + 1;
	if (buf_addf(&out, "(%llu) - %s: ", (unsigned long long)r->number, text) < 0 ||
	    buf_add(&out, r->msg, r->msg_len) < 0 || buf_add(&out, "\n", 1) < 0)
		return 0;
	return io_write(STDERR_FILENO, buf_bytes(&out), out.len);
}

static void records_ready(struct loop_io *io, uint32_t events)
{
	struct kmsg *k = io->data;
	char bytes[RECORD_MOST];

	(void)events;
	for (int i = 0; i < RECORDS_A_TURN; i++) {
		ssize_t n = read(io->fd, bytes, sizeof(bytes));
		struct kmsg_record r;

		if (n < 0 && errno == EPIPE) /* overwritten: the next read has the oldest that there is */
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			log_error("/dev/kmsg: %s", n < 0 ? strerror(errno) : "it has ended");
			loop_quit(k->loop, 1);
			return;
		}
		if (record_parse(bytes, (size_t)n, &r, NULL) == 0 && record_print(k, &r) < 0) {
			loop_quit(k->loop, 1);
			return;
		}
	}
}

static void on_signal(void *data, int signo)
{
	if (signo == SIGTERM || signo == SIGINT || signo == SIGQUIT)
		loop_quit(data, 0);
}

static int kmsg_run(struct kmsg *k, struct error *err)
{
	sigset_t signals;

	k->loop = loop_new(err);
	loop_signals_fill(&signals);
	if (!k->loop || loop_signals(k->loop, &signals, on_signal, k->loop, err) < 0)
		return -1;
	k->io = (struct loop_io){ .events = EPOLLIN, .fn = records_ready, .data = k };
	k->io.fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (k->io.fd < 0)
		return error_set(err, errno, "/dev/kmsg");
	/* What is open is read without a right. */
	if (loop_io_add(k->loop, &k->io, err) < 0 || confine_capabilities(err) < 0 ||
	    confine_files(NULL, 0, CONFINE_TCP_NONE, err) < 0)
		return -1;
	return loop_run(k->loop, err);
}

static const struct option options[] = {
	{ "help", 'h', .help = "print this help" },
	{ 0 },
};

static const struct program program = {
	.name = "kmsg",
	.text = "Prints the kernel's messages to standard error, those that there are and those that come.",
	.options = options,
};

int main(int argc, char **argv)
{
	static struct kmsg k;
	_cleanup_error_ struct error err = { 0 };
	int r;

	(void)argc;
	io_fill_standard();
	signal(SIGPIPE, SIG_IGN);
	log_setup("kmsg", LOG_LEVEL_INFO, false);
	r = program_line(&program, argv, &k);
	if (r >= 0)
		return r;
	r = kmsg_run(&k, &err);
	if (r < 0)
		log_error("%s", error_text(&err));
	return r < 0 ? 1 : r;
}
