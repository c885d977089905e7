/* lib/bundle: runtime.json, config.json, a further process, pid files. */
#include "buf.h"
#include "oci_config.h"
#include "oci_runtime.h"
#include "pid_file.h"
#include "process_spec.h"
#include "str.h"
#include "tap.h"

static const char whole[] =
	"{\"cgroups\":[\"systemd\",\"wg/sub\"],\"mkdir\":[\"/run/wg\"],\"namespace\":\"ns\",\"other\":[1],"
	"\"mounts\":[{\"destination\":\"/etc/wg\",\"source\":\"/var/"
	"wg\",\"type\":\"bind\",\"options\":[\"rw\",\"bind\"]},"
	"{\"destination\":\"/only\"}],"
	"\"interfaces\":[{\"name\":\"wg0\",\"add\":\"wireguard\",\"createInRoot\":true},{\"name\":\"veth0\",\"peer\":"
	"\"p0\","
	"\"createInRoot\":false},{\"name\":\"eth1\"}],"
	"\"bindNS\":{\"net\":\"/run/netns/wg\",\"uts\":\"\",\"pid\":null}}";

static void test_runtime(void)
{
	_cleanup_oci_runtime_ struct oci_runtime r = { 0 };
	_cleanup_error_ struct error e = { 0 };

	if (!ok(oci_runtime_parse(whole, strlen(whole), &r, &e) == 0, "a whole runtime.json: %s", error_text(&e)))
		return;
	ok(strv_len(r.cgroups) == 2 && str_eq(r.cgroups[1], "wg/sub"), "cgroups");
	ok(strv_len(r.mkdir) == 1 && str_eq(r.mkdir[0], "/run/wg"), "mkdir");
	ok_str(r.containerd_namespace, "ns", "namespace");
	ok(r.mount_count == 2 && str_eq(r.mounts[0].source, "/var/wg") && str_eq(r.mounts[0].options[1], "bind"),
	   "mounts");
	ok(r.mount_count == 2 && !r.mounts[1].source && !r.mounts[1].type && !r.mounts[1].options,
	   "a mount of a destination only");
	ok(r.interface_count == 3 && r.interfaces[0].create_in_root && str_eq(r.interfaces[0].add, "wireguard"),
	   "interface to make");
	ok(r.interface_count == 3 && str_eq(r.interfaces[1].add, "veth") && str_eq(r.interfaces[1].peer, "p0"),
	   "a peer makes a veth");
	ok(r.interface_count == 3 && !r.interfaces[2].add, "interface to move");
	ok_str(r.bind_ns[NS_NET], "/run/netns/wg", "bindNS");
	ok(!r.bind_ns[NS_UTS] && !r.bind_ns[NS_PID], "empty and null binds are none");
	ok(oci_runtime_splits_start(&r), "interfaces come between create and start");
}

static void test_runtime_refused(void)
{
	static const struct {
		const char *json, *why;
	} rows[] = {
		{ "", "no JSON" },
		{ "{\"mkdir\":[}", "line 1: bad JSON at byte 10" },
		{ "{\"mkdir\":[\"\\u0000\"]}", "mkdir: a zero byte in it" },
		{ "[]", "not a JSON object" },
		{ "{\"mounts\":{}}", "mounts: not a list" },
		{ "{\"mounts\":[1]}", "mounts[0]: not an object" },
		{ "{\"mounts\":[{\"destination\":\"/a\"},{\"source\":\"x\"}]}", "mounts[1]: destination: missing" },
		{ "{\"mounts\":[{\"destination\":\"/a\",\"options\":[\"ro\",2]}]}",
		  "mounts[0]: options[1]: not a string" },
		{ "{\"mkdir\":\"/a\"}", "mkdir: not a list" },
		{ "{\"bindNS\":{\"net\":7}}", "bindNS: net: not a string" },
		{ "{\"bindNS\":[]}", "bindNS: not an object" },
		{ "{\"interfaces\":[{\"add\":\"dummy\"}]}", "interfaces[0]: name: missing" },
		{ "{\"interfaces\":[{\"name\":\"a\",\"add\":\"veth\"}]}", "interfaces[0]: peer: missing for a veth" },
		{ "{\"interfaces\":[{\"name\":\"a\",\"createInRoot\":\"yes\"}]}",
		  "interfaces[0]: createInRoot: not a boolean" },
		{ "{\"namespace\":[]}", "namespace: not a string" },
	};
	size_t i;

	for (i = 0; i < array_len(rows); i++) {
		_cleanup_oci_runtime_ struct oci_runtime r = { 0 };
		_cleanup_error_ struct error e = { 0 };

		ok(oci_runtime_parse(rows[i].json, strlen(rows[i].json), &r, &e) == -1, "refused: %s", rows[i].json);
		ok_str(error_text(&e), rows[i].why, "and it says why");
	}
}

static void test_empty(void)
{
	static const char *const rows[] = { "{}", "{\"mounts\":null,\"bindNS\":null}",
					    "{\"mounts\":[],\"bindNS\":{},\"interfaces\":[]}" };
	size_t i;

	for (i = 0; i < array_len(rows); i++) {
		_cleanup_oci_runtime_ struct oci_runtime r = { 0 };

		ok(oci_runtime_parse(rows[i], strlen(rows[i]), &r, NULL) == 0 && !oci_runtime_splits_start(&r) &&
			   !r.mounts,
		   "nothing to do: %s", rows[i]);
	}
}

static void test_config(void)
{
	static const struct {
		const char *json;
		bool pid;
	} rows[] = {
		{ "{\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"mount\"}]}}", true },
		{ "{\"linux\":{\"namespaces\":[{\"type\":\"pid\",\"path\":\"\"}]}}", true },
		{ "{\"linux\":{\"namespaces\":[{\"type\":\"pid\",\"path\":\"/run/pid\"}]}}", false },
		{ "{\"linux\":{\"namespaces\":[{\"type\":\"mount\"}]}}", false },
		{ "{\"linux\":{}}", false },
		{ "{}", false },
	};
	static const char notes[] =
		"{\"process\":{\"terminal\":true},\"annotations\":{\"a\":\"b\",\"org.pith.onfail\":\"halt\"}}";
	static const char *const bad[] = { "{\"annotations\":{\"org.pith.after\":1}}", "{\"annotations\":[]}",
					   "{\"linux\":[]}", "{\"process\":1}", "{\"linux\":{\"namespaces\":{}}}" };
	_cleanup_oci_config_ struct oci_config c = { 0 };
	size_t i;

	for (i = 0; i < array_len(rows); i++) {
		_cleanup_oci_config_ struct oci_config row = { 0 };

		ok(oci_config_parse(rows[i].json, strlen(rows[i].json), &row, NULL) == 0 &&
			   row.own_pid_namespace == rows[i].pid,
		   "PID namespace of %s", rows[i].json);
	}
	ok(oci_config_parse(notes, strlen(notes), &c, NULL) == 0 && c.terminal, "terminal");
	ok_str(oci_annotation(&c, "org.pith.onfail"), "halt", "our annotation");
	ok(!oci_annotation(&c, "a"), "others are not kept");
	for (i = 0; i < array_len(bad); i++) {
		_cleanup_oci_config_ struct oci_config row = { 0 };

		ok(oci_config_parse(bad[i], strlen(bad[i]), &row, NULL) == -1, "refused: %s", bad[i]);
	}
}

static void test_process(void)
{
	char *const argv[] = { (char *)"b", (char *)"c", NULL };
	static const struct {
		const char *json, *want;
	} rows[] = {
		{ "{\"process\":{\"args\":[\"a\"],\"terminal\":true,\"env\":[\"PATH=/x\"],\"new\":[2]},\"x\":1}",
		  "{\"terminal\":false,\"args\":[\"b\",\"c\"],\"env\":[\"PATH=/x\"],\"oomScoreAdj\":0,\"new\":[2]}" },
		{ "{\"process\":{\"oomScoreAdj\":7,\"user\":{\"uid\":1},\"args\":null,\"env\":7}}",
		  "{\"terminal\":false,\"args\":[\"b\",\"c\"],\"env\":7,\"user\":{\"uid\":1},\"oomScoreAdj\":7}" },
		{ "{\"process\":{\"a\\u0000\":1}}", NULL },
		{ "{\"process\":1}", NULL },
		{ "{}", NULL },
		{ "{\"process\":{}", NULL },
	};

	for (size_t i = 0; i < array_len(rows); i++) {
		const struct process_change change = { .args = argv };
		_cleanup_error_ struct error e = { 0 };
		_cleanup_buf_ struct buf got = { 0 };
		int r = process_spec_make(rows[i].json, strlen(rows[i].json), &change, &got, &e);

		if (rows[i].want)
			ok_str(buf_text(&got), rows[i].want, rows[i].json);
		else
			ok(r < 0 && e.msg, "refused, with a reason: %s", rows[i].json);
	}
}

static void test_pid_file(void)
{
	static const struct {
		const char *text;
		int pid;
	} rows[] = {
		{ "42", 42 },
		{ "42\n", 42 },
		{ "2\n\n", 2 },
		{ "4194304", 4194304 },
		{ "4194305", 0 },
		{ "1", 0 },
		{ "0", 0 },
		{ "-2", 0 },
		{ "", 0 },
		{ "\n42", 0 },
		{ "4 2", 0 },
		{ "42x", 0 },
		{ "99999999999999999999", 0 },
	};

	for (size_t i = 0; i < array_len(rows); i++) {
		pid_t pid = 0;
		int r = pid_file_parse(rows[i].text, &pid);

		ok(rows[i].pid ? r == 0 && pid == rows[i].pid : r < 0, "process id \"%s\"", rows[i].text);
	}
}

int main(void)
{
	test_runtime();
	test_runtime_refused();
	test_empty();
	test_config();
	test_process();
	test_pid_file();
	return tap_done();
}
