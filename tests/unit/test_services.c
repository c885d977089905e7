/* services/: what it reads of requests, of an earlier supervisor, and of the memory log daemon. */
#include "logtext.h"
#include "notify.h"
#include "order.h"
#include "recorded.h"
#include "request.h"
#include "rival.h"
#include "saved.h"
#include "shim_wait.h"
#include "str.h"
#include "tap.h"

static void test_requests(void)
{
	static const struct {
		const char *bytes;
		size_t n;
		const char *error; /* NULL: none */
		enum request_verb verb;
		const char *name, *dir, *socket;
	} rows[] = {
#define BYTES(text) text, sizeof(text) /* with its own NUL */
		{ BYTES("list"), NULL, REQUEST_LIST, NULL, NULL, NULL },
		{ BYTES("start\0redis"), NULL, REQUEST_START, "redis", NULL, NULL },
		{ BYTES("wait\0redis"), NULL, REQUEST_WAIT, "redis", NULL, NULL },
		{ BYTES("started\0redis"), NULL, REQUEST_STARTED, "redis", NULL, NULL },
		{ BYTES("stop\0redis\0"), NULL, REQUEST_STOP, "redis", NULL, NULL },
		{ BYTES("restart\0redis\0/my dir\0/run/c.sock"), NULL, REQUEST_RESTART, "redis", "/my dir",
		  "/run/c.sock" },
		{ BYTES("start\0redis\0\0/s"), NULL, REQUEST_START, "redis", NULL, "/s" },
		{ "", 0, "broken request", 0, NULL, NULL, NULL },
		{ "list", 4, "broken request", 0, NULL, NULL, NULL },
		{ BYTES(""), "unknown request", 0, NULL, NULL, NULL },
		{ BYTES("list\0all"), "unknown request", 0, NULL, NULL, NULL },
		{ BYTES("start"), "unknown request", 0, NULL, NULL, NULL },
		{ BYTES("start\0"), "unknown request", 0, NULL, NULL, NULL },
		{ BYTES("START\0redis"), "unknown request", 0, NULL, NULL, NULL },
		{ BYTES("start\0a\0/b\0/c\0/d"), "unknown request", 0, NULL, NULL, NULL },
		{ BYTES("start\0a\0b"), "'b' is no absolute path", 0, NULL, NULL, NULL },
		{ BYTES("start\0a\0\0c"), "'c' is no absolute path of a socket", 0, NULL, NULL, NULL },
		{ BYTES("start\0a\0/x\ny"), "'/x\ny' is no absolute path", 0, NULL, NULL, NULL },
	};
	char large[REQUEST_MAX + 1] = "start";
	struct request r;
	size_t i;

	for (i = 0; i < array_len(rows); i++) {
		_cleanup_error_ struct error err = { 0 };
		int result = request_parse(rows[i].bytes, rows[i].n, &r, &err);

		if (rows[i].error) {
			ok(result < 0, "request %zu is refused", i);
			ok_str(error_text(&err), rows[i].error, "and why");
			continue;
		}
		ok(result == 0 && r.verb == rows[i].verb, "request %zu", i);
		ok_str(r.name, rows[i].name, "name");
		ok_str(r.dir, rows[i].dir, "directory");
		ok_str(r.socket, rows[i].socket, "socket");
	}
	ok(request_parse(large, sizeof(large), &r, NULL) < 0, "a request of more than 4 KiB");
}

static void test_saved(void)
{
	struct saved m = { .state = SERVICE_BACKOFF,
			   .wanted = true,
			   .prepared = true,
			   .restarts = 3,
			   .delay = 800000,
			   .started = 123456789,
			   .code = 137,
			   .oom_kills = 2,
			   .pid = 4242,
			   .dir = (char *)"/more services",
			   .socket = (char *)"/run/c.sock" },
		     none = { .code = -1 }, got;
	_cleanup_free_ char *text = saved_format(&m), *least = saved_format(&none);
	static const char *const bad[] = {
		"",
		"running\nw\n0\n0\n-\n-\n0\n-\n0\n",
		"running\nw\n0\n0\n-\n-\n0\n-\n-\n-\n0\n",
		"asleep\nw\n0\n0\n-\n-\n0\n-\n-\n0\n",
		"running\nx\n0\n0\n-\n-\n0\n-\n-\n0\n",
		"running\nw\n-1\n0\n-\n-\n0\n-\n-\n0\n",
		"running\nw\n0\n0\n256\n-\n0\n-\n-\n0\n",
		"running\nw\n0\n0\n-\n4194305\n0\n-\n-\n0\n",
		"running\nw\n0\n0\n-\n-\n0\nrelative\n-\n0\n",
		"running\nw\n0\n0\n-\n-\n0\n-\n-\n-1\n",
	};
	size_t i;

	ok_str(text, "backoff\nwp\n3\n800000\n137\n4242\n123456789\n/more services\n/run/c.sock\n2\n", "what is saved");
	ok(saved_parse(text, strlen(text), &got, NULL) == 0, "is read back");
	ok(got.state == m.state && got.wanted && !got.again && got.prepared && !got.reported && got.restarts == 3 &&
		   got.delay == m.delay && got.started == m.started && got.code == 137 && got.oom_kills == 2 &&
		   got.pid == 4242,
	   "with its numbers");
	ok_str(got.dir, m.dir, "its directory");
	ok_str(got.socket, m.socket, "and its socket");
	saved_clear(&got);
	ok_str(least, "stopped\n-\n0\n0\n-\n-\n0\n-\n-\n0\n", "a service that never ran");
	ok(saved_parse(least, strlen(least), &got, NULL) == 0 && got.code == -1 && got.pid == 0 && !got.dir &&
		   !got.socket,
	   "is read back");
	for (i = 0; i < array_len(bad); i++)
		ok(saved_parse(bad[i], strlen(bad[i]), &got, NULL) < 0, "bad state %zu", i);
	/* Half a file, of a write that a full file system cut off. */
	for (i = 0; i + 1 < strlen(text); i++) {
		if (saved_parse(text, i, &got, NULL) == 0 && !got.socket) {
			ok(false, "the first %zu bytes are no state", i);
			saved_clear(&got);
		} else {
			saved_clear(&got);
		}
	}
}

static void test_process(void)
{
	uint64_t ticks = 0;
	pid_t pid = 0;

	ok(recorded_parse("4242 99887766\n", &pid, &ticks) == 0 && pid == 4242 && ticks == 99887766,
	   "a process and when it started");
	ok(recorded_parse("1 5", &pid, &ticks) < 0, "PID 1 is no service");
	ok(recorded_parse("4242", &pid, &ticks) < 0 && recorded_parse("", &pid, &ticks) < 0 &&
		   recorded_parse("4242 5 6", &pid, &ticks) < 0 && recorded_parse("-4 5", &pid, &ticks) < 0 &&
		   recorded_parse("99999999 5", &pid, &ticks) < 0,
	   "nonsense");
}

static void test_locks(void)
{
	static const struct {
		const char *line;
		int pid; /* 0: none */
		uint64_t device, inode;
	} rows[] = {
		{ "1: FLOCK  ADVISORY  WRITE 1234 fe:01:131099 0 EOF\n", 1234, 0xfe01, 131099 },
		{ "22: FLOCK  ADVISORY  READ  7 00:2a:5 0 EOF", 7, 0x2a, 5 },
		{ "2: POSIX  ADVISORY  WRITE 1234 fe:01:131099 0 EOF\n", 0, 0, 0 },
		{ "2: -> FLOCK  ADVISORY  WRITE 1234 fe:01:131099 0 EOF\n", 0, 0, 0 },
		{ "1: FLOCK  ADVISORY  WRITE 0 fe:01:131099 0 EOF\n", 0, 0, 0 },
		{ "1: FLOCK  ADVISORY  WRITE -1 fe:01:131099 0 EOF\n", 0, 0, 0 },
		{ "1: FLOCK  ADVISORY  WRITE 1234 fe:01\n", 0, 0, 0 },
		{ "\n", 0, 0, 0 },
		{ "", 0, 0, 0 },
	};
	struct rival_lock l;

	for (size_t i = 0; i < array_len(rows); i++) {
		const char *at = rows[i].line, *end = at + strlen(at);
		bool is = rival_lock_parse(&at, end, &l);

		ok(at == end, "line %zu of locks ends where it ends", i);
		ok(is ? l.pid == rows[i].pid && l.device == rows[i].device && l.inode == rows[i].inode
		      : rows[i].pid == 0,
		   "what it says");
	}
}

/* The text of the pieces in order: stream (o, e), age (1: the older file), bytes; "@" and the time. */
static void test_order(void)
{
	enum { O = ORDER_OUT };
	static const struct {
		struct order_record records[6];
		size_t count;
		uint64_t size[2][2]; /* standard error, output: present, older */
		const char *want;
	} rows[] = {
		{ { { 5, 0, 3 | O }, { 6, 0, 4 }, { 7, 3, 2 | O } }, 3, { { 4 }, { 5 } }, "o0-3@5 e0-4@6 o3-5@7" },
		{ { { 0 } }, 0, { { 4, 3 }, { 5, 6 } }, "o0-6! o0-5 e0-3! e0-4" },
		{ { { 5, 6, 2 | O }, { 6, 0, 3 | O | ORDER_TURNED } },
		  2,
		  { { 0 }, { 9, 8 } },
		  "o0-6! o6-8!@5 o0-3@6 o3-9" },
		{ { { 5, 0, 8 | O }, { 6, 0, 3 | O | ORDER_ANEW } }, 2, { { 0 }, { 3, 0 } }, "o0-3@6" },
		{ { { 4, 0, 8 | O }, { 5, 0, 9 | O | ORDER_TURNED }, { 6, 0, 3 | O | ORDER_ANEW } },
		  3,
		  { { 0 }, { 3, 8 } },
		  "o0-8!@4 o0-3@6" },
		{ { { 3, 0, 7 | O }, { 4, 0, 8 | O | ORDER_TURNED }, { 5, 0, 2 | O | ORDER_TURNED } },
		  3,
		  { { 0 }, { 2, 8 } },
		  "o0-8!@4 o0-2@5" },
		{ { { 5, 4000000000, ORDER_LENGTH }, { 6, 2, ORDER_LENGTH } }, 2, { { 3 }, { 0 } }, "e0-3" },
		{ { { 5, 1, 1 }, { 6, 0, 3 } }, 2, { { 3 }, { 0 } }, "e0-1 e1-2@5 e2-3@6" },
	};

	for (size_t i = 0; i < array_len(rows); i++) {
		_cleanup_buf_ struct buf text = { 0 };
		struct order_pieces p;

		ok(order_pieces_make(&p, rows[i].records, rows[i].count, rows[i].size, true) == 0, "order %zu", i);
		for (size_t k = 0; k < p.count; k++) {
			const struct order_piece *at = &p.list[k];

			buf_addf(&text, "%s%c%u-%u%s", k ? " " : "", at->stream ? 'o' : 'e', at->from, at->to,
				 at->age ? "!" : "");
			if (at->time)
				buf_addf(&text, "@%d", (int)at->time);
		}
		ok_str(buf_text(&text), rows[i].want, "pieces");
		order_pieces_clear(&p);
	}
}

static void test_times(void)
{
	static const struct {
		const char *text;
		uint64_t want; /* 0: refused */
	} rows[] = {
		{ "1700000000", 1700000000000000 },
		{ "1700000000.25", 1700000000250000 },
		{ "2023-11-14T22:13:20Z", 1700000000000000 },
		{ "2023-11-14T22:13:20.5", 1700000000500000 },
		{ "2023-11-14T23:13:20+01:00", 1700000000000000 },
		{ "2023-11-14", 1699920000000000 },
		{ "10m", 1400000000 },
		{ "500ms", 1999500000 },
		{ "", 0 },
		{ "never", 0 },
		{ "2023-11-14T22:13:20+1", 0 },
		{ "2023-11-14T22:13:20Zx", 0 },
		{ "99999999999999999999", 0 },
		{ "1960-01-01", 0 },
	};
	char text[LOGTEXT_TIME];

	for (size_t i = 0; i < array_len(rows); i++) {
		uint64_t time = 0;
		int r = logtext_time_parse(rows[i].text, 2000000000, &time);

		ok(rows[i].want ? r == 0 && time == rows[i].want : r < 0, "time '%s'", rows[i].text);
	}
	logtext_time_format(text, 1700000000000042);
	ok_str(text, "2023-11-14T22:13:20.000042Z", "a time as it is shown");
	logtext_time_format(text, UINT64_MAX);
	ok(logtext_tail("a\nb\nc\n", 6, 2) == 2 && logtext_tail("a\nb\nc", 5, 2) == 2 &&
		   logtext_tail("a\n", 2, 9) == 0 && logtext_tail("a\n", 2, 0) == 2 && logtext_tail("a\n", 2, -1) == 0,
	   "the last lines");
}

static void test_notify(void)
{
	static const struct {
		const char *text;
		bool ready;
	} rows[] = {
		{ "READY=1", true },         { "READY=1\n", true },  { "STATUS=up\nREADY=1\nX=2", true },
		{ "READY=10", false },       { "READY=", false },    { "", false },
		{ "NOTREADY=1", false },     { "READY=0\n", false }, { "STOPPING=1\n", false },
		{ "STATUS=READY=1", false },
	};
	size_t i;

	for (i = 0; i < array_len(rows); i++)
		ok(notify_is_ready(rows[i].text, strlen(rows[i].text)) == rows[i].ready, "notification %zu", i);
	ok(!notify_is_ready("READY=1", 6), "no byte after the end is looked at");
}

static void test_shim_address(void)
{
	static const struct {
		const char *text, *path;
		int version;
	} rows[] = {
		{ "unix:///run/containerd/s/abc", "/run/containerd/s/abc", 2 },
		{ "unix:///run/containerd/s/abc\n", "/run/containerd/s/abc", 2 },
		{ "{\"version\":3,\"address\":\"unix:///run/s/a\",\"protocol\":\"ttrpc\"}", "/run/s/a", 3 },
		{ "{\"version\":2,\"address\":\"unix:///run/s/a\"}", "/run/s/a", 2 },
		{ "{\"version\":3,\"address\":\"unix:///run/s/a\",\"protocol\":\"grpc\"}", NULL, 0 },
		{ "{\"version\":3}", NULL, 0 },
		{ "{\"address\":\"unix:///run/s/a\"}", NULL, 0 },
		{ "{\"version\":", NULL, 0 },
		{ "tcp://localhost", NULL, 0 },
		{ "", NULL, 0 },
	};
	size_t i;

	for (i = 0; i < array_len(rows); i++) {
		_cleanup_free_ char *path = NULL;
		int version, r = shim_address_parse(rows[i].text, strlen(rows[i].text), &path, &version);

		ok((r == 0) == (rows[i].path != NULL) && (r < 0 || version == rows[i].version), "address %zu", i);
		ok_str(path, rows[i].path, "its path");
	}
}

/* A whole answer to Wait, as shim_wait.c takes it. */
static int shim_answer_parse(const uint8_t *data, size_t n, int *code)
{
	_cleanup_shim_answer_ struct shim_answer a = { 0 };
	int r = shim_response_parse(data, n, &a);

	if (r > 0)
		*code = a.status == GRPC_OK ? shim_exit_code(a.payload, a.len) : -1;
	return r;
}

static void test_shim_answer(void)
{
#define ANSWER(text) (const uint8_t *)(text), sizeof(text) - 1
	static const char good[] = "\0\0\0\4\0\0\0\1\2\0\x12\2\x08\3";
	int code = 0;
	size_t n;

	ok(shim_answer_parse(ANSWER("\0\0\0\4\0\0\0\1\2\0\x12\2\x08\3"), &code) == 1 && code == 3, "exit status 3");
	ok(shim_answer_parse(ANSWER("\0\0\0\0\0\0\0\1\2\0"), &code) == 1 && code == 0,
	   "an empty answer is exit status 0");
	ok(shim_answer_parse(ANSWER("\0\0\0\4\0\0\0\1\2\0\x0a\2\x08\5"), &code) == 1 && code == -1, "an error");
	ok(shim_answer_parse(ANSWER("\0\0\0\5\0\0\0\1\2\0\x12\3\x08\xac\2"), &code) == 1 && code == -1,
	   "an impossible status");
	ok(shim_answer_parse(ANSWER("\0\0\0\0\0\0\0\3\2\0"), &code) == -1, "the answer to another call");
	ok(shim_answer_parse(ANSWER("\0\0\0\0\0\0\0\1\1\0"), &code) == -1, "a request");
	ok(shim_answer_parse(ANSWER("\xff\xff\xff\xff\0\0\0\1\2\0"), &code) == -1, "4 GiB");
	for (n = 0; n < sizeof(good) - 1; n++)
		if (shim_answer_parse((const uint8_t *)good, n, &code) != 0)
			ok(false, "%zu bytes are no answer yet", n);
}

int main(void)
{
	test_shim_address();
	test_shim_answer();
	test_requests();
	test_saved();
	test_process();
	test_locks();
	test_order();
	test_times();
	test_notify();
	return tap_done();
}
