#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "peer.h"
#include "str.h"
#include "unixsock.h"
#include "vsock.h"

/* PEER_BACKLOG=N: a server that takes fewer at once than the kernel allows. */
static int backlog(void)
{
	const char *text = getenv("PEER_BACKLOG");
	uint64_t n;

	return text && str_to_u64(text, 4096, &n) == 0 ? (int)n : 4096;
}

/* Splits "HOST:PORT" in place. */
static int host_port(char *text, char **host, uint32_t *port, struct error *err)
{
	char *colon = strrchr(text, ':');
	uint64_t n;

	if (!colon || str_to_u64(colon + 1, UINT32_MAX, &n) < 0)
		return error_set(err, 0, "address \"%s\"", text);
	*colon = '\0';
	*host = text;
	*port = (uint32_t)n;
	return 0;
}

static int tcp(char *text, bool server, struct error *err)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	_cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	uint32_t port;
	int on = 1;
	char *host;

	if (fd < 0 || host_port(text, &host, &port, err) < 0)
		return -1;
	a.sin_port = htons((uint16_t)port);
	if (*host && inet_pton(AF_INET, host, &a.sin_addr) != 1)
		return error_set(err, 0, "address \"%s\"", host);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (server ? bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, backlog()) < 0
		   : connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0 && errno != EINPROGRESS)
		return error_set(err, errno, "tcp %s:%u", host, port);
	return steal_fd(&fd);
}

static int vsock(char *text, int type, bool server, struct error *err)
{
	uint32_t port;
	char *host;

	if (host_port(text, &host, &port, err) < 0)
		return -1;
	return server ? vsock_listen(port, type, backlog(), err)
		      : vsock_connect((uint32_t)strtoul(host, NULL, 10), port, type, err);
}

static int unix_socket(const char *path, int type, bool server, struct error *err)
{
	struct sockaddr_un a;
	int fd;

	if (unixsock_address(&a, -1, NULL, path) < 0)
		return error_set(err, errno, "%s", path);
	if (server)
		return unixsock_listen(&a, type, backlog(), err);
	/* A backlog that is full is tried again: a client under test, not a daemon. */
	while ((fd = unixsock_connect(&a, type)) < 0 && errno == EAGAIN)
		usleep(1000);
	return fd < 0 ? error_set(err, errno, "connect to %s", path) : fd;
}

static int open_address(const char *address, bool server, struct error *err)
{
	int type = str_starts(address, "seqpacket-") ? SOCK_SEQPACKET : SOCK_STREAM;
	_cleanup_free_ char *copy = strdup(type == SOCK_SEQPACKET ? strchr(address, '-') + 1 : address);

	if (!copy)
		return error_set(err, ENOMEM, "%s", address);
	if (str_starts(copy, "tcp:"))
		return tcp(copy + 4, server, err);
	if (str_starts(copy, "vsock:"))
		return vsock(copy + 6, type, server, err);
	if (str_starts(copy, "unix:"))
		return unix_socket(copy + 5, type, server, err);
	return error_set(err, 0, "address \"%s\"", address);
}

int peer_listen(const char *address, struct error *err)
{
	return open_address(address, true, err);
}

int peer_connect(const char *address, struct error *err)
{
	return open_address(address, false, err);
}

/* --- the generator --------------------------------------------------------------------------------------------- */

void stream_start(struct stream *s, uint64_t seed)
{
	*s = (struct stream){ .state = seed * 0x9e3779b97f4a7c15ULL + 1, .seed = seed };
}

static uint64_t stream_word(struct stream *s)
{
	s->state ^= s->state << 13;
	s->state ^= s->state >> 7;
	s->state ^= s->state << 17;
	return s->state;
}

static uint8_t stream_byte(struct stream *s)
{
	uint8_t b;

	if (s->seed == 0)
		return 0;
	if (s->left == 0) {
		s->word = stream_word(s);
		s->left = 8;
	}
	b = (uint8_t)s->word;
	s->word >>= 8;
	s->left--;
	return b;
}

void stream_fill(struct stream *s, uint8_t *data, size_t n)
{
	size_t i = 0;

	if (s->seed == 0) {
		memset(data, 0, n);
		return;
	}
	while (i < n) {
		data[i++] = stream_byte(s);
		for (; s->left == 0 && n - i >= 8; i += 8) {
			uint64_t word = stream_word(s);

			memcpy(data + i, &word, 8);
		}
	}
}

/* Without a buffer, nor memcmp, which musl does byte by byte: an emulated guest spends its time here. */
int stream_match(struct stream *s, const uint8_t *data, size_t n)
{
	size_t i = 0;

	if (s->seed == 0)
		return 1;
	while (i < n) {
		if (data[i++] != stream_byte(s))
			return 0;
		for (; s->left == 0 && n - i >= 8; i += 8) {
			uint64_t word;

			memcpy(&word, data + i, 8);
			if (word != stream_word(s))
				return 0;
		}
	}
	return 1;
}
