/* lib/bundle/policy and services/settings. */
#include <signal.h>

#include "policy.h"
#include "settings.h"
#include "str.h"
#include "tap.h"
#include "vsock.h"

static int parse(const char *key, const char *value, struct policy *p, struct error *e)
{
	_cleanup_free_ char *json = str_format("{\"annotations\":{\"%s\":\"%s\"}}", key, value);
	_cleanup_oci_config_ struct oci_config c = { 0 };

	return oci_config_parse(json, strlen(json), &c, e) < 0 ? -2 : policy_parse(&c, p, e);
}

static void test_values(void)
{
	_cleanup_policy_ struct policy p = { 0 }, q = { 0 }, r = { 0 }, s = { 0 }, t = { 0 };

	ok(parse("other", "x", &p, NULL) == 0 && p.restart == POLICY_RESTART_ON_FAILURE && p.stop_us == 10000000 &&
		   p.ready_us == 60000000 && p.stop_signal == SIGTERM && p.ready == POLICY_READY_STARTED && !p.after,
	   "defaults");
	ok(parse("org.pith.after", " a, b,c ", &q, NULL) == 0 && strv_len(q.after) == 3 && str_eq(q.after[2], "c"),
	   "after");
	ok(parse("org.pith.ready", "exec:redis-cli -h 'a b' \\\"c'd\\\"", &r, NULL) == 0 &&
		   strv_len(r.ready_argv) == 4 && str_eq(r.ready_argv[2], "a b") && str_eq(r.ready_argv[3], "c'd"),
	   "a command with quotes");
	ok(parse("org.pith.ready", "tcp:[::1]:80", &s, NULL) == -1, "brackets are no numeric address");
	ok(parse("org.pith.ready", "tcp:127.0.0.1:6379", &t, NULL) == 0 && t.ready_port == 6379 &&
		   str_eq(t.ready_address, "127.0.0.1"),
	   "an address and a port");
}

static void test_refused(void)
{
	static const char *const rows[][3] = {
		{ "org.pith.restart", "never", "org.pith.restart: 'never' is none of no, on-failure, always" },
		{ "org.pith.ready", "http:80",
		  "org.pith.ready: 'http:80' is none of exec:COMMAND, unix:PATH, tcp:PORT, log:TEXT" },
		{ "org.pith.ready", "tcp:0", "org.pith.ready: '0': not a port" },
		{ "org.pith.ready", "tcp:x:1", "org.pith.ready: 'x:1': not a numeric address" },
		{ "org.pith.ready", "tcp:70000", "org.pith.ready: '70000': not a port" },
		{ "org.pith.ready", "unix:rel", "org.pith.ready: 'unix:rel': not an absolute path" },
		{ "org.pith.ready", "exec: ", "org.pith.ready: 'exec: ': no command" },
		{ "org.pith.ready", "exec:a 'b", "org.pith.ready: 'exec:a 'b': a quote is not closed" },
		{ "org.pith.stop-timeout", "5d", "org.pith.stop-timeout: '5d' is no duration (500ms, 10s, 2m)" },
		{ "org.pith.ready-timeout", "-1s", "org.pith.ready-timeout: '-1s' is no duration (500ms, 10s, 2m)" },
		{ "org.pith.stop-timeout", "123456789",
		  "org.pith.stop-timeout: '123456789' is no duration (500ms, 10s, 2m)" },
		{ "org.pith.stop-signal", "SIGFOO", "org.pith.stop-signal: 'SIGFOO' is no signal" },
		{ "org.pith.stop-signal", "0", "org.pith.stop-signal: '0' is no signal" },
		{ "org.pith.stop-signal", "65", "org.pith.stop-signal: '65' is no signal" },
	};
	size_t i;

	for (i = 0; i < array_len(rows); i++) {
		_cleanup_policy_ struct policy p = { 0 };
		_cleanup_error_ struct error e = { 0 };

		ok(parse(rows[i][0], rows[i][1], &p, &e) == -1, "refused: %s=%s", rows[i][0], rows[i][1]);
		ok_str(error_text(&e), rows[i][2], "and it says why");
	}
}

static void test_vsock_ports(void)
{
	static const char *const wrong[] = { "all",        "2375,all", "-1",
					     "4294967295", "1;2",      "00000946-facb-11e6-bd58-64006a7986d4" };
	_cleanup_policy_ struct policy p = { 0 };
	uint32_t ports[2];

	ok(vsock_parse_ports(" 2375, 00000948-facb-11e6-bd58-64006a7986d3\t7,", ports, 2, NULL) == 3 &&
		   ports[0] == 2375 && ports[1] == 2376,
	   "vsock ports, as many as there is room for");
	ok(vsock_parse_ports("", ports, 2, NULL) == 0, "no vsock ports");
	for (size_t i = 0; i < array_len(wrong); i++)
		ok(vsock_parse_ports(wrong[i], ports, 2, NULL) < 0 &&
			   policy_set(&p, "org.pith.vsock.ports", wrong[i], NULL) == -1,
		   "no vsock port: %s", wrong[i]);
	ok(policy_set(&p, "org.pith.vsock.ports", "2375", NULL) == 0, "what the builder takes");
}

static void test_units(void)
{
	static const struct {
		const char *text;
		uint64_t us;
	} rows[] = { { "0", 0 },        { "7", 7000000 },    { "250ms", 250000 },
		     { "3s", 3000000 }, { "2m", 120000000 }, { "1h", 3600000000 } };
	static const struct {
		const char *text;
		int signal;
	} signals[] = { { "TERM", SIGTERM },  { "SIGINT", SIGINT }, { "9", 9 }, { "RTMIN+3", 37 },
			{ "SIGRTMAX-1", 63 }, { "RTMIN+99", -1 },   { "", -1 } };
	uint64_t us;
	size_t i;

	for (i = 0; i < array_len(rows); i++)
		ok(policy_duration(rows[i].text, &us) == 0 && us == rows[i].us, "duration %s", rows[i].text);
	for (i = 0; i < array_len(signals); i++)
		ok(policy_signal(signals[i].text) == signals[i].signal, "signal '%s'", signals[i].text);
}

static void test_order(void)
{
	char *after_b[] = { (char *)"b", (char *)"nowhere", NULL }, *after_c[] = { (char *)"c", NULL },
	     *after_a[] = { (char *)"a", NULL };
	struct policy_node nodes[] = { { "a", after_b }, { "b", after_c }, { "c", NULL }, { "d", NULL } };
	_cleanup_error_ struct error e = { 0 };
	size_t order[4] = { 9, 9, 9, 9 };

	ok(policy_order(nodes, 4, order, &e) == 0 && order[0] == 2 && order[1] == 1 && order[2] == 0 && order[3] == 3,
	   "a chain, inside out");
	nodes[2].after = after_a;
	ok(policy_order(nodes, 4, NULL, &e) == -1, "a cycle is refused");
	ok_str(error_text(&e), "cycle: a -> b -> c -> a", "and its members named");
	nodes[2].after = after_c;
	ok(policy_order(nodes, 4, NULL, &e) == -1, "so is a service after itself");
	ok_str(error_text(&e), "cycle: c -> c", "by its name");
	nodes[0].after = NULL;
	nodes[1].after = after_c;
	nodes[2].after = (char *[]){ (char *)"b", NULL };
	ok(policy_order(nodes, 4, order, &e) == -1 && order[0] == 1, "the first of a circle is told");
}

static void test_onfail(void)
{
	static const char *const words[] = { "continue", "halt", "poweroff", "reboot" };
	_cleanup_error_ struct error e = { 0 };
	_cleanup_policy_ struct policy p = { 0 };
	enum policy_onfail what;
	size_t i;

	for (i = 0; i < array_len(words); i++)
		ok(policy_onfail(words[i], &what, NULL) == 0 && what == (enum policy_onfail)i, "onfail: %s", words[i]);
	ok(policy_onfail("panic", &what, &e) == -1, "onfail: panic is refused");
	ok_str(error_text(&e), "'panic' is none of continue, halt, poweroff, reboot", "and it says why");
	ok(policy_set(&p, "org.pith.onfail", "halt", NULL) == 0 && policy_set(&p, "org.pith.onfail", "x", &e) == -1 &&
		   policy_set(&p, "org.pith.other", "x", NULL) == 1,
	   "the builder checks it in the same way");
}

static void test_settings(void)
{
	static const char good[] = "# a comment\n\ncliopts = \"--log-level debug\\t\\\"x\\\"\" # more\nother = "
				   "7\nstdout='/var/log/a\\b'\n[table]\nstderr=5\n";
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ "cliopts", "line 1: a key without =" },
		{ "\ncliopts = 7", "line 2: cliopts: the value is no string" },
		{ "cliopts = \"a", "line 1: a string without its end, or with a control character" },
		{ "cliopts = \"a\nb\"", "line 1: a string without its end, or with a control character" },
		{ "cliopts = \"a\\q\"", "line 1: an unknown escape" },
		{ "cliopts = \"a\" b", "line 1: there is something behind the value" },
		{ "cliopts = \"a\"\ncliopts = \"b\"", "line 2: cliopts: a second time" },
		{ "cliopts = \"a\\", "line 1: an unknown escape" },
	};
	struct setting s[] = { { .key = "cliopts" }, { .key = "stderr" }, { .key = "stdout" } };
	size_t i;

	ok(settings_parse(good, strlen(good), s, 3, NULL) == 0, "a file of settings");
	ok_str(s[0].value, "--log-level debug\t\"x\"", "escapes");
	ok_str(s[1].value, NULL, "a table's keys are not ours");
	ok_str(s[2].value, "/var/log/a\\b", "a literal string");
	for (i = 0; i < 3; i++)
		free(s[i].value);
	for (i = 0; i < array_len(rows); i++) {
		struct setting one = { .key = "cliopts" };
		_cleanup_error_ struct error e = { 0 };

		ok(settings_parse(rows[i].text, strlen(rows[i].text), &one, 1, &e) == -1, "refused: %s", rows[i].text);
		ok_str(error_text(&e), rows[i].why, "and it says why");
		free(one.value);
	}
}

static void test_root(void)
{
	static const struct {
		const char *json, *root, *want, *what;
	} rows[] = {
		{ "{\"root\": {\"path\": \"rootfs\", \"readonly\": true}, \"x\":[1.5]}", "/c/rootfs",
		  "{\"x\":[1.5],\"root\":{\"readonly\":true,\"path\":\"/c/rootfs\"}}",
		  "root.path replaced, the rest kept" },
		{ "{}", "/r", "{\"root\":{\"path\":\"/r\"}}", "a root added" },
		{ "{\"root\":1}", "/r", NULL, "a root that is no object is refused" },
		{ "{\"process\":{},\"root\":{}}", "/r",
		  "{\"process\":{\"oomScoreAdj\":0,\"env\":[\"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/"
		  "sbin:/bin\"]},\"root\":{\"path\":\"/r\"}}",
		  "an OOM score and a PATH added" },
		{ "{\"process\":{\"oomScoreAdj\":1,\"env\":[\"A=b\"]},\"root\":{}}", "/r",
		  "{\"process\":{\"oomScoreAdj\":1,\"env\":[\"A=b\",\"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/"
		  "usr/bin:/sbin:/"
		  "bin\"]},\"root\":{\"path\":\"/r\"}}",
		  "a PATH added to others" },
		{ "{\"process\":{\"oomScoreAdj\":1,\"env\":[\"PATH=/x\"]},\"root\":{}}", "/r",
		  "{\"process\":{\"oomScoreAdj\":1,\"env\":[\"PATH=/x\"]},\"root\":{\"path\":\"/r\"}}",
		  "a PATH that is there stays" },
		{ "{\"process\":{\"oomScoreAdj\":1,\"env\":7},\"root\":{}}", "/r",
		  "{\"process\":{\"oomScoreAdj\":1,\"env\":7},\"root\":{\"path\":\"/r\"}}",
		  "an environment that is no list stays" },
		{ "{\"process\":{\"oomScoreAdj\":-5,\"env\":[\"PATH=\"]},\"root\":{}}", "/r",
		  "{\"process\":{\"oomScoreAdj\":-5,\"env\":[\"PATH=\"]},\"root\":{\"path\":\"/r\"}}",
		  "one that is there stays" },
	};

	for (size_t i = 0; i < array_len(rows); i++) {
		_cleanup_buf_ struct buf got = { 0 };
		int r = oci_config_with_root(rows[i].json, strlen(rows[i].json), rows[i].root, &got, NULL);

		if (rows[i].want)
			ok_str(buf_text(&got), rows[i].want, rows[i].what);
		else
			ok(r < 0, "%s", rows[i].what);
	}
}

int main(void)
{
	test_values();
	test_refused();
	test_units();
	test_vsock_ports();
	test_order();
	test_onfail();
	test_settings();
	test_root();
	return tap_done();
}
