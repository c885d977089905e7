/* Frames and requests between the host and the guest's agent, fifo lines, and the process made for a container. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "claims.h"
#include "jsonr.h"
#include "process_spec.h"
#include "str.h"
#include "tap.h"
#include "user.h"

static void test_frames(void)
{
	static const struct {
		const char *name;
		uint8_t bytes[16];
		size_t n;
		int r;
	} rows[] = {
		{ "nothing", { 0 }, 0, 0 },
		{ "half a header", { 0, 0, 0, 0 }, 4, 0 },
		{ "started", { 0, 0, 0, 0, AGENT_STARTED }, 8, 1 },
		{ "type 0", { 0 }, 8, -1 },
		{ "unknown type", { 0, 0, 0, 0, 15 }, 8, -1 },
		{ "type 255", { 0, 0, 0, 0, 255 }, 8, -1 },
		{ "reserved bytes", { 0, 0, 0, 0, AGENT_STARTED, 1 }, 8, -1 },
		{ "payload where none belongs", { 0, 0, 0, 1, AGENT_STARTED, 0, 0, 0, 1 }, 9, -1 },
		{ "empty input", { 0, 0, 0, 0, AGENT_INPUT }, 8, -1 },
		{ "too long, before it is there", { 0, 1, 0, 1, AGENT_INPUT }, 8, -1 },
		{ "far too long", { 255, 255, 255, 255, AGENT_INPUT }, 8, -1 },
		{ "longest, header only", { 0, 1, 0, 0, AGENT_INPUT }, 8, 0 },
		{ "exit status of three bytes", { 0, 0, 0, 3, AGENT_EXITED, 0, 0, 0, 1, 2, 3 }, 11, -1 },
		{ "exit status", { 0, 0, 0, 4, AGENT_EXITED, 0, 0, 0, 1, 2, 3, 4 }, 12, 1 },
	};
	struct agent_frame f;
	size_t used = 0;

	for (size_t i = 0; i < array_len(rows); i++)
		ok(agent_frame_parse(rows[i].bytes, rows[i].n, &f, &used, NULL) == rows[i].r &&
			   (rows[i].r != 1 || used == rows[i].n),
		   "frame: %s", rows[i].name);
	ok(f.number == 0x01020304, "frame: the number");
}

static void test_made_frames(void)
{
	_cleanup_buf_ struct buf b = { 0 };
	struct agent_frame f[3];
	size_t used = 0;
	int n = 0;

	ok(agent_frame_resize(&b, 25, 300) == 0 && agent_frame_failed(&b, 127, "no such program") == 0 &&
		   agent_frame_add(&b, AGENT_OUTPUT, "hello", 5) == 0,
	   "frames are made");
	while (n < 3 && agent_frame_parse(buf_bytes(&b), b.len, &f[n], &used, NULL) == 1) {
		if (n == 0)
			ok(f[n].type == AGENT_RESIZE && f[n].rows == 25 && f[n].columns == 300, "resize");
		if (n == 1)
			ok(f[n].type == AGENT_FAILED && f[n].number == 127 && f[n].len == 15 &&
				   memcmp(f[n].data, "no such program", 15) == 0,
			   "failed");
		if (n == 2)
			ok(f[n].type == AGENT_OUTPUT && f[n].len == 5 && memcmp(f[n].data, "hello", 5) == 0, "output");
		buf_consume(&b, used);
		n++;
	}
	ok(n == 3 && b.len == 0, "all are there");
}

static void test_requests(void)
{
	static const struct {
		const char *json, *error; /* NULL: good */
	} rows[] = {
		{ "{\"args\":[\"true\"]}", NULL },
		{ "{\"args\":[\"a\",\"b\"],\"service\":\"x\",\"terminal\":true,\"rows\":65535,\"other\":1}", NULL },
		{ "{}", "args" },
		{ "[]", "not an object" },
		{ "", "" },
		{ "{\"args\":[]}", "args" },
		{ "{\"args\":\"a\"}", "args" },
		{ "{\"args\":[1]}", "args" },
		{ "{\"args\":[\"a\\u0000b\"]}", "args" },
		{ "{\"args\":[\"a\"],\"service\":\"\"}", "service" },
		{ "{\"args\":[\"a\"],\"service\":\"a/b\"}", "service" },
		{ "{\"args\":[\"a\"],\"service\":\"..\"}", "service" },
		{ "{\"args\":[\"a\"],\"service\":1}", "service" },
		{ "{\"args\":[\"a\"],\"rows\":65536}", "rows" },
		{ "{\"args\":[\"a\"],\"columns\":-1}", "columns" },
		{ "{\"args\":[\"a\"],\"terminal\":1}", "terminal" },
		{ "{\"args\":[\"a\"],\"env\":[\"=x\"]}", "env" },
		{ "{\"args\":[\"a\"],\"env\":[\"x\"]}", "env" },
		{ "{\"args\":[\"a\"],\"workdir\":\"x\"}", "workdir" },
	};

	for (size_t i = 0; i < array_len(rows); i++) {
		_cleanup_agent_request_ struct agent_request r = { 0 };
		_cleanup_error_ struct error e = { 0 };
		int result = agent_request_parse(rows[i].json, strlen(rows[i].json), &r, &e);

		ok(rows[i].error ? result < 0 && strstr(error_text(&e), rows[i].error) : result == 0, "request %s: %s",
		   rows[i].json, result < 0 ? error_text(&e) : "good");
	}
}

static void test_request_again(void)
{
	char *args[] = { "sh", "-c", "echo \"\\ \n\x7f\xc3\xa4\"", "", NULL }, *env[] = { "A=b=c", "E=", NULL };
	char *bad[] = { "\xff", NULL }, *huge[] = { NULL, NULL };
	struct agent_request in = { .service = "web",
				    .args = args,
				    .env = env,
				    .user = "www:www",
				    .workdir = "/srv",
				    .terminal = true,
				    .rows = 24,
				    .columns = 80 };
	_cleanup_agent_request_ struct agent_request out = { 0 };
	_cleanup_error_ struct error e = { 0 };
	_cleanup_buf_ struct buf b = { 0 };
	struct agent_frame f = { 0 };
	size_t used;

	ok(agent_request_add(&b, &in, NULL) == 0 && agent_frame_parse(buf_bytes(&b), b.len, &f, &used, NULL) == 1 &&
		   f.type == AGENT_REQUEST && agent_request_parse(f.data, f.len, &out, NULL) == 0,
	   "a request is written and read");
	ok(strv_len(out.args) == 4 && str_eq(out.args[2], args[2]) && str_eq(out.args[3], "") &&
		   str_eq(out.env[0], "A=b=c") && str_eq(out.env[1], "E=") && str_eq(out.user, "www:www") &&
		   str_eq(out.workdir, "/srv") && str_eq(out.service, "web") && out.terminal && !out.hangup &&
		   out.rows == 24 && out.columns == 80,
	   "and is the same");
	in.args = bad;
	ok(agent_request_add(&b, &in, &e) < 0 && e.code == EILSEQ, "bytes that are no text");
	in.args = huge;
	huge[0] = malloc(AGENT_PAYLOAD + 1);
	memset(huge[0], 'x', AGENT_PAYLOAD);
	huge[0][AGENT_PAYLOAD] = '\0';
	ok(agent_request_add(&b, &in, &e) < 0 && e.code == E2BIG, "too long");
	free(huge[0]);
}

static void test_fifos(void)
{
	static const struct {
		const char *line, *path; /* NULL: refused, "": not complete */
		bool write;
		const char *secret; /* NULL: none */
	} rows[] = {
		{ "read /run/containerd/fifo/1/a-stdin\n", "/run/containerd/fifo/1/a-stdin", false },
		{ "write /x\nbytes", "/x", true },
		{ "read 0123456789abcdef0123456789abcdef /x\n", "/x", false, "0123456789abcdef0123456789abcdef" },
		{ "read 0123456789abcdef0123456789abcdeF /x\n", NULL, false },
		{ "read 0123456789abcdef0123456789abcde /x\n", NULL, false },
		{ "read 0123456789abcdef0123456789abcdef x\n", NULL, false },
		{ "read 0123456789abcdef0123456789abcdef \n", NULL, false },
		{ "read 0123456789abcdef0123456789abcdef\n", NULL, false },
		{ "write /x", "", false },
		{ "", "", false },
		{ "write x\n", NULL, false },
		{ "write \n", NULL, false },
		{ "write\n", NULL, false },
		{ "steal /x\n", NULL, false },
		{ "read /a/../b\n", NULL, false },
		{ "read /a/./b\n", NULL, false },
		{ "read /a//b\n", NULL, false },
		{ "read /a/\n", NULL, false },
		{ "read /a/..b\n", "/a/..b", false },
		{ "\n", NULL, false },
	};
	_cleanup_error_ struct error e = { 0 };
	struct fifo_request f;
	char longest[FIFO_LINE + 1];
	size_t used = 0;

	for (size_t i = 0; i < array_len(rows); i++) {
		int r = fifo_request_parse(rows[i].line, strlen(rows[i].line), &f, &used, NULL);

		ok(!rows[i].path            ? r < 0
			   : !*rows[i].path ? r == 0
					    : r == 1 && str_eq(f.path, rows[i].path) && f.write == rows[i].write &&
				   str_eq(f.secret, rows[i].secret ? rows[i].secret : ""),
		   "fifo: %s", rows[i].line);
	}
	memset(longest, 'a', sizeof(longest));
	memcpy(longest, "read /", 6);
	ok(fifo_request_parse(longest, sizeof(longest), &f, &used, NULL) < 0, "fifo: a line without end");
	longest[FIFO_LINE - 1] = '\n';
	ok(fifo_request_parse(longest, sizeof(longest), &f, &used, NULL) < 0, "fifo: a path that is too long");
	ok(fifo_request_parse("read /a\0b\n", 10, &f, &used, NULL) < 0, "fifo: a NUL");
	ok(fifo_answer_parse("ok\nx", 4, &used, NULL) == 1 && used == 3, "answer: ok");
	ok(fifo_answer_parse("again\n", 6, &used, NULL) == FIFO_AGAIN && used == 6, "answer: again");
	ok(fifo_answer_parse("ok", 2, &used, NULL) == 0, "answer: not complete");
	ok(fifo_answer_parse("error no such fifo\n", 19, &used, &e) < 0 && str_eq(error_text(&e), "no such fifo"),
	   "answer: the reason");
	ok(fifo_answer_parse("error\n", 6, &used, NULL) < 0 && fifo_answer_parse("what\n", 5, &used, NULL) < 0,
	   "answer: broken");
}

static const char config[] =
	"{\"process\":{\"terminal\":true,\"args\":[\"/old\"],\"env\":[\"PATH=/bin\",\"HOME=/\",\"X=1\"],\"cwd\":\"/"
	"srv\","
	"\"user\":{\"uid\":7,\"gid\":8},\"capabilities\":{\"bounding\":[\"CAP_KILL\"],\"effective\":[\"CAP_KILL\"]},"
	"\"noNewPrivileges\":true,\"consoleSize\":{\"height\":1,\"width\":1}},\"root\":{}}";

static void test_process(void)
{
	char *args[] = { "/new", "a b", NULL }, *env[] = { "HOME=/root", "Y=\n", NULL };
	const uint32_t groups[] = { 4, 5 };
	struct process_change c = { .args = args, .env = env };
	_cleanup_error_ struct error e = { 0 };
	_cleanup_buf_ struct buf b = { 0 }, second = { 0 };
	struct jsonr top, v;

	ok(process_spec_make(config, strlen(config), &c, &b, NULL) == 0 &&
		   jsonr_parse(buf_text(&b), b.len, &top, NULL) == 0,
	   "a process is made, and is JSON");
	v = jsonr_get(&top, "terminal");
	ok(v.type == JSONR_FALSE, "no terminal");
	ok(strstr(buf_text(&b), "/new") && !strstr(buf_text(&b), "/old"), "arguments");
	ok(strstr(buf_text(&b), "PATH=/bin") && strstr(buf_text(&b), "X=1") && strstr(buf_text(&b), "HOME=/root") &&
		   !strstr(buf_text(&b), "HOME=/\"") && strstr(buf_text(&b), "Y=\\n"),
	   "environment");
	ok(!strstr(buf_text(&b), "/usr/local/sbin"), "its own PATH");
	v = jsonr_get(&top, "cwd");
	ok(jsonr_is(&v, "/srv"), "working directory");
	ok(strstr(buf_text(&b), "\"uid\":7") && strstr(buf_text(&b), "\"effective\":[\"CAP_KILL\"]") &&
		   strstr(buf_text(&b), "noNewPrivileges") && !strstr(buf_text(&b), "consoleSize"),
	   "what is kept, and what is not");

	c = (struct process_change){ .args = args,
				     .cwd = "/tmp",
				     .terminal = true,
				     .user = true,
				     .uid = 9,
				     .gid = 10,
				     .groups = groups,
				     .group_count = 2 };
	ok(process_spec_make(config, strlen(config), &c, &second, NULL) == 0 &&
		   jsonr_parse(buf_text(&second), second.len, &top, NULL) == 0,
	   "another user");
	v = jsonr_get(&top, "user");
	v = jsonr_get(&v, "additionalGids");
	ok(v.type == JSONR_ARRAY && strstr(buf_text(&second), "\"uid\":9"), "with groups");
	ok(strstr(buf_text(&second), "bounding") && !strstr(buf_text(&second), "effective"), "without capabilities");
	v = jsonr_get(&top, "cwd");
	ok(jsonr_is(&v, "/tmp"), "another working directory");
	ok(process_spec_make("{}", 2, &c, &second, &e) < 0 && strstr(error_text(&e), "process"), "no process");
	buf_clear(&second);
	ok(process_spec_make("{\"process\":{}}", 14, &c, &second, NULL) == 0 &&
		   strstr(buf_text(&second), "PATH=/usr/local/sbin"),
	   "the usual PATH");
	buf_clear(&second);
	ok(process_spec_make("{\"process\":{\"env\":[1]}}", 23, &c, &second, NULL) == 0 &&
		   strstr(buf_text(&second), "\"env\":[1,"),
	   "a broken environment is the runtime's to refuse");
}

static void test_users(void)
{
	static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
				     "www:x:33:34::/srv:/bin/false\n"
				     "short:x\n"
				     "1000:x:7:8::/seven:\n"
				     "broken:x:-1:0::/:\n"
				     "last:x:50:51::/last";
	static const char group[] =
		"root:x:0:\nstaff:x:60:root,www\nvideo:x:61:www\nwwwx:x:62:wwwx,notwww\nempty:x:63:\n";
	static const struct {
		const char *spec;
		int r;
		uint32_t uid, gid;
		size_t groups;
		const char *home;
	} rows[] = {
		{ "root", 0, 0, 0, 1, "/root" },
		{ "www", 0, 33, 34, 2, "/srv" },
		{ "www:staff", 0, 33, 60, 0, "/srv" },
		{ "www:7", 0, 33, 7, 0, "/srv" },
		{ "33", 0, 33, 34, 2, "/srv" },
		{ "last", 0, 50, 51, 0, "/last" },
		{ "1000", 0, 7, 8, 0, "/seven" }, /* a name before a number */
		{ "4321", 0, 4321, 0, 0, "" },
		{ "4321:5", 0, 4321, 5, 0, "" },
		{ "short", -1, 0, 0, 0, NULL },
		{ "broken", -1, 0, 0, 0, NULL },
		{ "nobody", -1, 0, 0, 0, NULL },
		{ "www:nogroup", -1, 0, 0, 0, NULL },
		{ "www:", -1, 0, 0, 0, NULL },
		{ ":5", -1, 0, 0, 0, NULL },
		{ "", -1, 0, 0, 0, NULL },
		{ "4294967295", -1, 0, 0, 0, NULL },
		{ "-1", -1, 0, 0, 0, NULL },
	};

	for (size_t i = 0; i < array_len(rows); i++) {
		struct user u;
		int r = user_parse(rows[i].spec, passwd, group, &u, NULL);

		ok(r == rows[i].r &&
			   (r < 0 ||
			    (u.uid == rows[i].uid && u.gid == rows[i].gid && u.group_count == rows[i].groups &&
			     str_eq(u.home, rows[i].home))),
		   "user \"%s\"", rows[i].spec);
	}
}

#define OURS                       "\"mounts\":[{\"source\":\"/run/pith/vsock\",\"destination\":\"/run/pith/vsock\"}]"
#define VSUDD(rest)                "{\"process\":{\"args\":[\"/vsudd\"," rest "]}}"
#define OUR_PROGRAM(program, rest) "{" OURS ",\"process\":{\"args\":[\"" program "\"," rest "]}}"
#define OUR_VSUDD(rest)            OUR_PROGRAM("/vsudd", rest)

/* Which ports the machine holds. */
static void test_claims(void)
{
	static const struct {
		const char *name, *json, *ports; /* NULL: refused */
	} rows[] = {
		{ "nothing asked", "{}", "2374 2375 2376" },
		{ "a port of our vsudd", OUR_VSUDD("\"-inport\",\"5000:unix:/a\""), "2374 2375 2376 5000" },
		{ "a port of our vpnkit-forwarder", OUR_VSUDD("\"-vsockPort\",\"5000\",\"-data-listen=5001\""),
		  "2374 2375 2376 5000 5001" },
		{ "a socket of our vpnkit-forwarder", OUR_VSUDD("\"-data-listen\",\"/run/a\""), "2374 2375 2376" },
		{ "the forwarder's own port", OUR_PROGRAM("/vpnkit-forwarder", "\"-debug\""), "2374 2375 2376 62373" },
		{ "one that is held anyway", OUR_VSUDD("\"--inport=2374:unix:/a\""), "2374 2375 2376" },
		{ "two, one a GUID",
		  OUR_VSUDD("\"-inport\",\"7:unix:/a\",\"-inport\",\"00000008-facb-11e6-bd58-64006a7986d3:unix:/b\""),
		  "2374 2375 2376 7 8" },
		{ "of a vsudd that binds by itself", VSUDD("\"-inport\",\"2374:unix:/a\",\"-detach\""), "2375 2376" },
		{ "of one whose folder is elsewhere",
		  "{\"mounts\":[{\"source\":\"/run/pith/vsock\",\"destination\":\"/x\"}],"
		  "\"process\":{\"args\":[\"v\",\"-inport\",\"2376:unix:/a\"]}}",
		  "2374 2375" },
		{ "no port", OUR_VSUDD("\"-inport\",\"x:unix:/a\",\"-inport\""), "2374 2375 2376" },
		{ "words that only look like it", OUR_VSUDD("\"-inports\",\"1:unix:/a\",\"inport\",\"2:unix:/a\""),
		  "2374 2375 2376" },
		{ "an annotation", "{\"annotations\":{\"org.pith.vsock.ports\":\"2375, 2376\"}}", "2374" },
		{ "a broken annotation", "{\"annotations\":{\"org.pith.vsock.ports\":\"all\"}}", NULL },
		{ "an annotation of another type", "{\"annotations\":{\"org.pith.vsock.ports\":1}}", NULL },
		{ "arguments of another type", "{\"process\":{\"args\":[1]}}", NULL },
		{ "no arguments", "{\"process\":{\"args\":{}},\"mounts\":{\"source\":1}}", "2374 2375 2376" },
		{ "no JSON", "{", NULL },
	};
	_cleanup_buf_ struct buf many = { 0 };
	uint32_t ports[CLAIMS_MAX];
	struct claims c;
	size_t i, j, n;

	for (i = 0; i < array_len(rows); i++) {
		_cleanup_buf_ struct buf got = { 0 };
		int r;

		claims_init(&c);
		r = claims_add(&c, rows[i].json, strlen(rows[i].json), NULL);
		n = claims_ports(&c, ports);
		for (j = 0; j < n; j++)
			buf_addf(&got, "%s%u", j ? " " : "", ports[j]);
		if (rows[i].ports)
			ok_str(r < 0 ? "refused" : buf_text(&got), rows[i].ports, rows[i].name);
		else
			ok(r < 0, "held: %s", rows[i].name);
	}
	buf_addstr(&many, "{" OURS ",\"process\":{\"args\":[\"v\"");
	for (i = 0; i < 1000; i++)
		buf_addf(&many, ",\"-inport\",\"%zu:unix:/a\"", 10000 + i);
	buf_addstr(&many, "]}}");
	claims_init(&c);
	ok(claims_add(&c, buf_text(&many), many.len, NULL) == 0 && claims_ports(&c, ports) == CLAIMS_MAX,
	   "held: as many as there is room for");
}

int main(void)
{
	test_claims();
	test_users();
	test_frames();
	test_made_frames();
	test_requests();
	test_request_again();
	test_fifos();
	test_process();
	return tap_done();
}
