/* Timing, and one connection by hand. Blocking: each does one thing. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "io.h"
#include "log.h"
#include "loop.h"
#include "peer.h"
#include "str.h"

enum { CHUNK = 65536 };

static uint8_t chunk[CHUNK];

/* Blocking, connected, and the first line said. */
static int open_blocking(const char *address, const char *line)
{
	_cleanup_error_ struct error e = { 0 };
	int fd = peer_connect(address, &e), code = 0;
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	socklen_t len = sizeof(code);

	if (fd < 0) {
		log_error("%s", error_text(&e));
		return -1;
	}
	poll(&p, 1, 10000);
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &len);
	if (code != 0) {
		log_error("%s: %s", address, strerror(code));
		return -1;
	}
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
	if (line && (io_write(fd, line, strlen(line)) < 0 || io_write(fd, "\n", 1) < 0)) {
		log_error("%s: %s", address, strerror(errno));
		return -1;
	}
	return fd;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* Echo of one byte. Prints median and 99th percentile in microseconds. */
int peer_ping(int argc, char **argv)
{
	size_t count = argc > 2 ? strtoul(argv[2], NULL, 10) : 1000, warm = count / 10, i;
	_cleanup_free_ uint64_t *took = calloc(count, sizeof(*took));
	_cleanup_close_ int fd = open_blocking(argv[1], "echo");

	if (fd < 0 || !took)
		return 1;
	for (i = 0; i < warm + count; i++) {
		uint64_t start = now_ns();
		char byte = (char)i;

		if (io_write(fd, &byte, 1) < 0 || io_read(fd, &byte, 1) != 1 || byte != (char)i) {
			log_error("echo %zu failed", i);
			return 1;
		}
		if (i >= warm)
			took[i - warm] = now_ns() - start;
	}
	qsort(took, count, sizeof(*took), by_value);
	printf("median %.1f us, p99 %.1f us, of %zu\n", (double)took[count / 2] / 1e3,
	       (double)took[count * 99 / 100] / 1e3, count);
	return 0;
}

static int bulk(const char *address, bool up, uint64_t bytes)
{
	_cleanup_free_ char *line = up ? str_format("sink %llu 0", (unsigned long long)bytes)
				       : str_format("source %llu 0", (unsigned long long)bytes);
	_cleanup_close_ int fd = open_blocking(address, line);
	uint64_t done = 0, start = now_ns();
	char answer[4] = { 0 };
	double seconds;

	if (fd < 0)
		return 1;
	while (done < bytes) {
		size_t want = bytes - done < CHUNK ? (size_t)(bytes - done) : CHUNK;
		ssize_t n = up ? send(fd, chunk, want, MSG_NOSIGNAL) : recv(fd, chunk, CHUNK, 0);

		if (n <= 0) {
			log_error("%s: ended after %llu bytes", address, (unsigned long long)done);
			return 1;
		}
		done += (uint64_t)n;
	}
	shutdown(fd, SHUT_WR);
	if (up && (io_read(fd, answer, 3) != 3 || strcmp(answer, "ok\n") != 0)) {
		log_error("%s: the other end has not got it all", address);
		return 1;
	}
	seconds = (double)(now_ns() - start) / 1e9;
	printf("%s %.1f MiB/s\n", up ? "up" : "down", (double)bytes / 1048576 / seconds);
	return 0;
}

int peer_bulk(int argc, char **argv)
{
	uint64_t bytes = argc > 3 ? strtoull(argv[3], NULL, 10) : 64 << 20;
	const char *way = argc > 2 ? argv[2] : "both";
	int r = 0;

	if (!str_eq(way, "down"))
		r |= bulk(argv[1], true, bytes);
	if (!str_eq(way, "up"))
		r |= bulk(argv[1], false, bytes);
	return r;
}

/* Standard input to the other end, the other end to standard output, each end of file passed on. */
int peer_cat(int argc, char **argv)
{
	_cleanup_close_ int fd = open_blocking(argv[1], argc > 2 ? argv[2] : NULL);
	struct pollfd p[2] = { { .fd = 0, .events = POLLIN }, { .fd = fd, .events = POLLIN } };

	if (fd < 0)
		return 1;
	while (p[1].fd >= 0) {
		ssize_t n;

		if (poll(p, 2, -1) < 0)
			continue;
		if (p[1].revents) {
			n = read(fd, chunk, CHUNK);
			if (n > 0 && io_write(1, chunk, (size_t)n) < 0)
				return 1;
			if (n < 0)
				log_error("%s: %s", argv[1], strerror(errno));
			if (n <= 0)
				return n < 0;
		}
		if (p[0].revents) {
			n = read(0, chunk, CHUNK);
			if (n > 0 && io_write(fd, chunk, (size_t)n) < 0)
				p[0].fd = -1; /* what the other end still says is heard */
			if (n <= 0) {
				shutdown(fd, SHUT_WR);
				p[0].fd = -1;
			}
		}
	}
	return 0;
}

/* Opens many connections, an echo of one byte on each, and holds them until its input ends. */
int peer_many(int argc, char **argv)
{
	struct rlimit files = { 65536, 65536 };
	size_t count = argc > 2 ? strtoul(argv[2], NULL, 10) : 100, i;
	char byte = 'x';

	setrlimit(RLIMIT_NOFILE, &files); /* as far as it may */

	for (i = 0; i < count; i++) {
		int fd = open_blocking(argv[1], "echo");

		if (fd < 0 || io_write(fd, &byte, 1) < 0 || io_read(fd, &byte, 1) != 1) {
			log_error("connection %zu: %s", i, strerror(errno));
			return 1;
		}
	}
	printf("open\n");
	fflush(stdout);
	while (read(0, chunk, sizeof(chunk)) > 0)
		;
	return 0;
}
