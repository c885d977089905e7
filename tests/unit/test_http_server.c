/* lib/proto/http_request and http_server: heads, and the server in front of a socket. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "http_server.h"
#include "str.h"
#include "tap.h"
#include "unixsock.h"

/* --- heads -------------------------------------------------------------------------------------------------------- */

static void test_head_size(void)
{
	static const struct {
		const char *text;
		size_t size;
	} rows[] = {
		{ "", 0 },
		{ "GET / HTTP/1.1\r\n", 0 },
		{ "GET / HTTP/1.1\r\n\r", 0 },
		{ "GET / HTTP/1.1\r\n\r\nrest", 18 },
		{ "GET / HTTP/1.1\n\nrest", 16 },
		{ "\r\n\r\n", 0 },
		{ "\r\nGET / HTTP/1.0\r\n\r\n", 20 },
	};

	for (size_t i = 0; i < array_len(rows); i++)
		ok(http_head_size(rows[i].text, strlen(rows[i].text)) == rows[i].size, "the size of head %zu", i);
}

static void test_requests(void)
{
	static const struct {
		const char *text;
		bool good;
		bool chunked;
		uint64_t length;
		bool close;
	} rows[] = {
		{ "GET / HTTP/1.1\r\nHost: x\r\n\r\n", true, false, 0, false },
		{ "GET / HTTP/1.0\r\n\r\n", true, false, 0, true },
		{ "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true, false, 0, false },
		{ "GET / HTTP/1.1\r\nConnection: foo, close\r\n\r\n", true, false, 0, true },
		{ "PUT /a HTTP/1.1\r\ncontent-length:  12 \r\n\r\n", true, false, 12, false },
		{ "PUT /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", true, true, 0, false },
		{ "PUT /a HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", true, false, 1, false },
		{ "PUT /a HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", false },
		{ "PUT /a HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", false },
		{ "PUT /a HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", false },
		{ "PUT /a HTTP/1.1\r\nContent-Length: -1\r\n\r\n", false },
		{ "PUT /a HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", false },
		{ "GET / HTTP/2.0\r\n\r\n", false },
		{ "GET /\r\n\r\n", false },
		{ "GET  HTTP/1.1\r\n\r\n", false },
		{ "GET / HTTP/1.1\r\n folded: no\r\n\r\n", false },
		{ "GET / HTTP/1.1\r\nno colon\r\n\r\n", false },
		{ "GET / HTTP/1.1\r\nblank : no\r\n\r\n", false },
		{ "GET / HTTP/1.1\r\na: b\rc\r\n\r\n", false },
	};
	struct http_head h;

	for (size_t i = 0; i < array_len(rows); i++) {
		_cleanup_error_ struct error e = { 0 };
		bool good = http_request_parse(rows[i].text, strlen(rows[i].text), &h, &e) == 0;

		ok(good == rows[i].good && good != (e.msg != NULL), "request %zu is %s", i,
		   rows[i].good ? "taken" : "refused");
		if (good && rows[i].good)
			ok(h.chunked == rows[i].chunked && h.length == rows[i].length && h.close == rows[i].close,
			   "what request %zu says of its body and its end", i);
	}
}

/* --- the server --------------------------------------------------------------------------------------------------- */

static struct loop *loop;
static struct http_server server;
static struct http_listener door;
static struct sockaddr_un address;

static void handle(void *data, const struct http_request *r, struct http_reply *a)
{
	(void)data;
	a->type = "text/plain";
	if (str_eq(r->path, "/missing"))
		a->status = 404;
	buf_addf(a->body, "%.*s %s %s %s", (int)r->head->method.len, r->head->method.at, r->path, r->body,
		 (const char *)r->from);
}

static int client_open(void)
{
	return unixsock_connect(&address, SOCK_STREAM);
}

static void rounds(int n)
{
	while (n-- > 0)
		loop_once(loop, 1000, NULL);
}

/* Everything that the server says within some rounds; *ended: it has closed. */
static void client_read(int fd, struct buf *out, bool *ended)
{
	char bytes[4096];
	ssize_t n;

	rounds(8);
	while ((n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
		buf_add(out, bytes, (size_t)n);
	*ended = n == 0 || errno != EAGAIN;
}

static void test_one(const char *name, const char *text, const char *want, bool closes)
{
	_cleanup_buf_ struct buf got = { 0 };
	_cleanup_close_ int fd = client_open();
	bool ended;

	/* a byte at first, then the rest */
	send(fd, text, 1, MSG_NOSIGNAL);
	rounds(2);
	send(fd, text + 1, strlen(text) - 1, MSG_NOSIGNAL);
	client_read(fd, &got, &ended);
	ok_str(buf_text(&got), want, name);
	ok(ended == closes, "%s: the connection %s", name, closes ? "ends" : "stays");
}

static void test_server_talk(void)
{
	test_one("a request", "GET /x?y HTTP/1.1\r\n\r\n",
		 "HTTP/1.1 200 OK\r\nContent-Length: 12\r\nContent-Type: text/plain\r\n\r\nGET /x  door", false);
	test_one("one of HTTP/1.0", "GET /x HTTP/1.0\r\n\r\n",
		 "HTTP/1.1 200 OK\r\nContent-Length: 12\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nGET /x "
		 " door",
		 true);
	test_one("two at once", "PUT /a HTTP/1.1\r\nContent-Length: 2\r\n\r\nhiHEAD /missing HTTP/1.1\r\n\r\n",
		 "HTTP/1.1 200 OK\r\nContent-Length: 14\r\nContent-Type: text/plain\r\n\r\nPUT /a hi door"
		 "HTTP/1.1 404 Not Found\r\nContent-Length: 19\r\nContent-Type: text/plain\r\n\r\n",
		 false);
	test_one("chunks", "PUT /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nh\r\n0\r\n\r\n",
		 "HTTP/1.1 411 Length Required\r\nContent-Length: 31\r\nContent-Type: text/plain\r\nConnection: "
		 "close\r\n\r\nthe body has to say its length\n",
		 true);
	test_one("no HTTP", "hello\r\n\r\n",
		 "HTTP/1.1 400 Bad Request\r\nContent-Length: 21\r\nContent-Type: text/plain\r\nConnection: "
		 "close\r\n\r\nno request of HTTP/1\n",
		 true);
	test_one("a long body", "PUT / HTTP/1.1\r\nContent-Length: 65537\r\n\r\n",
		 "HTTP/1.1 413 Content Too Large\r\nContent-Length: 21\r\nContent-Type: text/plain\r\nConnection: "
		 "close\r\n\r\nthe body is too long\n",
		 true);
}

static void test_server_bounds(void)
{
	_cleanup_buf_ struct buf got = { 0 }, text = { 0 };
	int fds[HTTP_SERVER_CONNECTIONS_MAX], last;
	bool ended;

	for (int i = 0; i < HTTP_REQUEST_MAX; i++)
		buf_addf(&text, "a");
	last = client_open();
	send(last, buf_bytes(&text), text.len, MSG_NOSIGNAL);
	send(last, "b", 1, MSG_NOSIGNAL);
	client_read(last, &got, &ended);
	ok(strstr(buf_text(&got), " 431 ") && ended, "a head without an end is refused");
	close(last);
	for (size_t i = 0; i < array_len(fds); i++)
		fds[i] = client_open();
	rounds(8);
	ok(server.count == array_len(fds), "as many connections as there may be");
	last = client_open();
	send(last, "GET / HTTP/1.0\r\n\r\n", 18, MSG_NOSIGNAL);
	rounds(4);
	ok(server.count == array_len(fds), "one more waits");
	for (size_t i = 0; i < array_len(fds); i++)
		close(fds[i]);
	buf_clear(&got);
	for (int i = 0; i < 200 && got.len == 0; i++)
		client_read(last, &got, &ended);
	ok(strstr(buf_text(&got), " 200 OK"), "until there is room");
	close(last);
	rounds(4);
	ok(server.count == 0, "none is left");
}

int main(void)
{
	char dir[] = "/tmp/test_http_server.XXXXXX";

	test_head_size();
	test_requests();
	loop = loop_new(NULL);
	server = (struct http_server){ .handler = handle };
	door = (struct http_listener){ .server = &server, .who = (void *)"door" };
	http_server_init(&server, loop);
	ok(mkdtemp(dir) && unixsock_address(&address, -1, dir, "http") == 0, "a folder");
	ok(http_server_listen(&door, unixsock_listen(&address, SOCK_STREAM, 100, NULL), NULL) == 0, "it listens");
	test_server_talk();
	test_server_bounds();
	listener_stop(&door.listener);
	http_server_close(&server);
	loop_free(loop);
	unlink(address.sun_path);
	rmdir(dir);
	return tap_done();
}
