/* URLs and answers of HTTP, and the client against servers that behave and that do not. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/un.h>
#include <unistd.h>

#include "http_client.h"
#include "io.h"
#include "process.h"
#include "str.h"
#include "tap.h"

/* --- URLs --------------------------------------------------------------------------------------------------------- */

static const struct {
	const char *text, *host, *target;
	uint16_t port;
} urls[] = {
	{ "http://example.org", "example.org", "/", 80 },
	{ "HTTP://example.org/a/b?c=d#e", "example.org", "/a/b?c=d", 80 },
	{ "http://10.0.0.1:8080/x", "10.0.0.1", "/x", 8080 },
	{ "http://[::1]:81/", "[::1]", "/", 81 },
	{ "http://[::1]", "[::1]", "/", 80 },
	{ "http://h?q", "h", "/?q", 80 },
};

static const char *const bad_urls[] = {
	"",
	"ftp://h/",
	"https://h/",
	"http://",
	"http:///x",
	"http://h:0/",
	"http://h:99999",
	"http://u@h/",
	"http://h/ x",
	"http://h/\n",
	"http://:80/",
	"http://h:/",
};

static void test_urls(void)
{
	for (size_t i = 0; i < array_len(urls); i++) {
		_cleanup_http_url_ struct http_url u = { 0 };

		ok(http_url_parse(urls[i].text, &u, NULL) == 0 && u.port == urls[i].port, "a URL: %s", urls[i].text);
		ok_str(u.host, urls[i].host, "its host");
		ok_str(u.target, urls[i].target, "its target");
	}
	for (size_t i = 0; i < array_len(bad_urls); i++) {
		struct http_url u;
		_cleanup_error_ struct error err = { 0 };

		ok(http_url_parse(bad_urls[i], &u, &err) < 0 && err.code == EINVAL, "no URL: \"%s\"", error_text(&err));
	}
}

/* --- answers ------------------------------------------------------------------------------------------------------ */

enum { BODY_MAX = 16 };

static const struct {
	const char *text, *body; /* body NULL: refused */
	unsigned status;
	bool by_end; /* only the end of the connection makes it whole */
} answers[] = {
	{ "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", "abc", 200 },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcdef", "abc", 200 },
	{ "HTTP/1.0 200\n\nabc", "abc", 200, true },
	{ "HTTP/1.1 404 Not Found\r\ncontent-length:0\r\n\r\n", "", 404 },
	{ "HTTP/1.1 204 \r\n\r\n", "", 204 },
	{ "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", "x", 200 },
	{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nT: 1\r\n\r\n",
	  "abc0123456789", 200 },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nab", "ab", 200 },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n0123456789abcdef", "0123456789abcdef", 200 },
	/* refused */
	{ "HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n" },
	{ "HTTP/1.1 200 OK\r\n\r\n0123456789abcdefg" },
	{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n11\r\n" },
	{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n" },
	{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n" },
	{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n" },
	{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n" },
	{ "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n" },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab" },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc" },
	{ "HTTP/1.1 101 Switching\r\n\r\n" },
	{ "HTTP/1.1 2x0 OK\r\n\r\n" },
	{ "HTTP/1.1" },
	{ "SSH-2.0-OpenSSH_9.2\r\n" },
	{ "" },
};

/* n bytes at a time, then the end. 1: whole before the end. */
static int answer_read(struct http_answer *a, const char *text, size_t length, size_t n, struct error *err)
{
	for (size_t at = 0; at < length; at += n) {
		int r = http_answer_feed(a, text + at, n < length - at ? n : length - at, err);

		if (r != 0)
			return r;
	}
	return http_answer_end(a, err);
}

static void test_answers(void)
{
	for (size_t i = 0; i < array_len(answers); i++)
		for (size_t n = 1; n < 200; n += 198) {
			_cleanup_http_answer_ struct http_answer a = { .max = BODY_MAX };
			_cleanup_error_ struct error err = { 0 };
			int r = answer_read(&a, answers[i].text, strlen(answers[i].text), n, &err);

			if (!answers[i].body) {
				ok(r < 0 && err.msg, "answer %zu is refused: %s", i, error_text(&err));
				continue;
			}
			ok(r == !answers[i].by_end && a.status == answers[i].status, "answer %zu, %zu bytes at a time",
			   i, n);
			ok_str(buf_text(&a.body), answers[i].body, "its body");
		}
}

static void test_limits(void)
{
	_cleanup_http_answer_ struct http_answer a = { .max = BODY_MAX };
	_cleanup_error_ struct error err = { 0 };
	_cleanup_free_ char *location = NULL;
	int r = http_answer_feed(&a, "HTTP/1.1 302 Found\r\nLOCATION:  /x \r\nA: b\r\n\r\n", 45, &err);

	(void)r;
	location = http_answer_header(&a, "location");
	ok_str(location, "/x", "a header, whatever its case");
	ok(!http_answer_header(&a, "loc"), "none of that name");
	http_answer_clear(&a);
	r = http_answer_feed(&a, "HTTP/1.1 200 OK\r\n", 17, &err);
	for (int i = 0; i < 10000 && r == 0; i++)
		r = http_answer_feed(&a, "X: y\r\n", 6, &err);
	ok(r < 0 && err.code == EFBIG, "headers without an end are refused");
	http_answer_clear(&a);
	error_clear(&err);
	r = 0;
	for (int i = 0; i < 10000 && r == 0; i++)
		r = http_answer_feed(&a, "HTTP/1.1 100 Continue\r\n\r\n", 25, &err);
	ok(r < 0 && err.code == EFBIG, "so are announcements");
	http_answer_clear(&a);
	error_clear(&err);
	ok(http_answer_feed(&a, "HTTP/1.1 200 OK\r\nA\0b: c\r\n", 25, &err) < 0, "and a byte 0 in the head");
	a.no_body = true;
	http_answer_clear(&a);
	ok(http_answer_feed(&a, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", 39, NULL) == 1,
	   "an answer to HEAD has no body");
}

/* --- the client --------------------------------------------------------------------------------------------------- */

/* A server for one connection, in a child: its request goes to `seen` through a pipe. */
struct server {
	struct sockaddr_in address;
	pid_t pid;
	int seen;
};

static struct server server_start(const char *answer, bool stay)
{
	struct server s = { .address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) } };
	socklen_t n = sizeof(s.address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), ends[2];

	if (fd < 0 || bind(fd, (struct sockaddr *)&s.address, n) < 0 || listen(fd, 8) < 0 ||
	    getsockname(fd, (struct sockaddr *)&s.address, &n) < 0 || pipe(ends) < 0)
		abort();
	s.pid = fork();
	if (s.pid == 0) {
		char request[4096];
		int c = accept(fd, NULL, NULL);
		ssize_t got = recv(c, request, sizeof(request), 0);

		close(ends[0]);
		if (got > 0)
			io_write(ends[1], request, (size_t)got);
		io_write(c, answer, strlen(answer));
		while (stay)
			pause();
		_exit(0);
	}
	close(fd);
	close(ends[1]);
	s.seen = ends[0];
	return s;
}

static void server_end(struct server *s, char *request, size_t size)
{
	ssize_t n;

	kill(s->pid, SIGKILL);
	child_reap(s->pid);
	n = io_read(s->seen, request, size - 1);
	request[n > 0 ? n : 0] = '\0';
	close(s->seen);
}

struct outcome {
	struct loop *loop;
	int calls;
	char *error;
};

static void on_done(struct http_call *c, struct error *err)
{
	struct outcome *o = c->data;

	o->calls++;
	o->error = err ? strdup(error_text(err)) : NULL;
	loop_quit(o->loop, 0);
}

/* The caller frees o->error and stops the call. */
static void call_run(struct http_call *c, struct outcome *o, struct loop *loop, const struct http_wish *w)
{
	_cleanup_error_ struct error err = { 0 };

	*o = (struct outcome){ .loop = loop };
	*c = (struct http_call){ .data = o };
	if (http_start(c, loop, w, on_done, &err) < 0) {
		o->error = strdup(error_text(&err));
		return;
	}
	ok(o->calls == 0 && http_active(c), "nothing is called by the start");
	loop_run(loop, NULL);
	ok(o->calls == 1 && !http_active(c), "it is called once, at the end");
}

static void test_good(struct loop *loop)
{
	static const char *const headers[] = { "X-A: b", NULL };
	struct server s = server_start("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", true);
	struct http_wish w = { .method = "PUT",
			       .host = "localhost",
			       .port = ntohs(s.address.sin_port),
			       .target = "/a?b",
			       .headers = headers,
			       .body = "xyz",
			       .body_len = 3,
			       .max = 100,
			       .deadline = loop_now() + 20000000 };
	struct http_call c;
	struct outcome o;
	char request[4096];
	_cleanup_free_ char *want = str_format("PUT /a?b HTTP/1.1\r\nHost: localhost:%u\r\nUser-Agent: pith\r\n"
					       "Connection: close\r\nX-A: b\r\nContent-Length: 3\r\n\r\nxyz",
					       w.port);

	call_run(&c, &o, loop, &w);
	ok_str(o.error, NULL, "a name of /etc/hosts, a body, an answer with a length");
	ok_str(buf_text(&c.answer.body), "hello", "the answer");
	server_end(&s, request, sizeof(request));
	ok_str(request, want, "the request");
	http_stop(&c);
}

static void test_bad(struct loop *loop)
{
	struct server s = server_start("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe", true);
	struct http_wish w = { .host = "127.0.0.1",
			       .port = ntohs(s.address.sin_port),
			       .target = "/",
			       .max = 100,
			       .deadline = loop_now() + 200000 };
	struct http_call c;
	struct outcome o;
	char request[4096];
	_cleanup_free_ char *slow = str_format("GET http://127.0.0.1:%u/: the answer took too long", w.port);
	_cleanup_free_ char *gone = str_format("GET http://127.0.0.1:%u/: connect: Connection refused", w.port);

	call_run(&c, &o, loop, &w);
	ok_str(o.error, slow, "an answer that stops in the middle ends at the deadline");
	free(o.error);
	http_stop(&c);
	server_end(&s, request, sizeof(request));
	w.deadline = loop_now() + 20000000;
	call_run(&c, &o, loop, &w);
	ok_str(o.error, gone, "nobody listens");
	free(o.error);
	http_stop(&c);
	w.host = "name.invalid";
	call_run(&c, &o, loop, &w);
	ok(o.error && strstr(o.error, "GET http://name.invalid:"), "a name that nobody knows: %s", o.error);
	free(o.error);
	http_stop(&c);
	w.target = "/ HTTP/1.1\r\nX: y";
	call_run(&c, &o, loop, &w);
	ok(o.error && o.calls == 0, "a target that would be more lines: %s", o.error);
	free(o.error);
	http_stop(&c);
}

/* From a low port, where this may be had; and over a Unix socket. */
static void test_kinds(struct loop *loop)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct http_call c;
	struct outcome o;
	struct http_wish w = { .host = "engine",
			       .target = "/",
			       .max = 100,
			       .deadline = loop_now() + 20000000,
			       .address = (struct sockaddr *)&address,
			       .address_len = sizeof(address) };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), one;
	char *path = address.sun_path;

	snprintf(path, sizeof(address.sun_path), "/tmp/test_http.%d", (int)getpid());
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 1) < 0)
		abort();
	one = fork();
	if (one == 0) {
		char bytes[1000];
		int s = accept(fd, NULL, NULL);

		if (recv(s, bytes, sizeof(bytes), 0) > 0)
			io_write(s, "HTTP/1.0 200 OK\r\n\r\nunix", 23);
		_exit(0);
	}
	call_run(&c, &o, loop, &w);
	ok_str(o.error, NULL, "over a Unix socket");
	ok_str(buf_text(&c.answer.body), "unix", "an answer that the end of the connection ends");
	http_stop(&c);
	unlink(path);
	close(fd);
	child_reap(one);
	if (geteuid() == 0) {
		struct server s = server_start("HTTP/1.0 200 OK\r\n\r\nlow", false);
		char request[4096];

		w = (struct http_wish){ .host = "127.0.0.1",
					.port = ntohs(s.address.sin_port),
					.target = "/",
					.max = 3,
					.deadline = loop_now() + 20000000,
					.low_port = true };
		call_run(&c, &o, loop, &w);
		ok_str(o.error, NULL, "from a port below 1024");
		free(o.error);
		http_stop(&c);
		server_end(&s, request, sizeof(request));
	}
}

static void test_stop(struct loop *loop)
{
	struct http_wish w = { .host = "name.invalid", .target = "/", .max = 1, .deadline = loop_now() + 1 };
	struct outcome o = { .loop = loop };
	struct http_call c = { .data = &o };

	ok(http_start(&c, loop, &w, on_done, NULL) == 0, "a call begins");
	http_stop(&c);
	loop_once(loop, 0, NULL);
	ok(o.calls == 0, "and is stopped: nothing is called");
}

int main(void)
{
	struct loop *loop = loop_new(NULL);

	signal(SIGPIPE, SIG_IGN);
	test_urls();
	test_answers();
	test_limits();
	test_good(loop);
	test_bad(loop);
	test_kinds(loop);
	test_stop(loop);
	loop_free(loop);
	return tap_done();
}
