/* Bundles: what config.json and runtime.json hold for an entry, a label and an image, and what is refused. */
#include <jansson.h>
#include <stdlib.h>

#include "check.h"
#include "image_json.h"
#include "load.h"
#include "spec.h"
#include "str.h"
#include "tap.h"

struct made {
	struct config config;
	struct spec spec;
	json_t *json, *runtime;
	char *diags;
	bool good;
};

static char *report(struct config *c)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	diags_print(&c->diags, f, false);
	fclose(f);
	return text;
}

/* fields: what follows name and image of the first service. label: text or NULL. */
static void make(struct made *m, const char *fields, const char *label, const struct image_config *image)
{
	_cleanup_free_ char *text = str_format("services:\n- name: s\n  image: i\n%s", fields);
	_cleanup_buf_ struct buf config = { 0 }, runtime = { 0 };
	struct spec_input in = { .config = &m->config, .section = SECTION_SERVICES, .image = image };
	struct where where = { .key = "services" };

	*m = (struct made){ .spec = { .bundle = "containers/services/s", .unpacked = "containers/services/s/lower" } };
	config_add(&m->config, "t.yml", strdup(text), strlen(text), NULL, NULL);
	config_check(&m->config);
	in.entry = m->config.sections[SECTION_SERVICES].list;
	in.label = label ? spec_label(&m->config, label, "i", &where) : NULL;
	m->good = spec_config(&in, &m->spec, &config) && m->config.diags.errors == 0;
	spec_runtime(&in, &m->spec, &runtime, NULL);
	m->json = json_loads(buf_text(&config), JSON_REJECT_DUPLICATES, NULL);
	m->runtime = json_loads(buf_text(&runtime), JSON_REJECT_DUPLICATES, NULL);
	m->diags = report(&m->config);
}

static void done(struct made *m)
{
	config_free(&m->config);
	json_decref(m->json);
	json_decref(m->runtime);
	free(m->diags);
}

/* The value at "a.b.2.c" as compact JSON; "none" where there is none. */
static char *at(json_t *j, const char *path)
{
	_cleanup_strv_ char **parts = strv_split(path, ".");
	char **p, *text;

	for (p = parts; p && *p; p++)
		j = json_is_array(j) ? json_array_get(j, strtoul(*p, NULL, 10)) : json_object_get(j, *p);
	if (!j)
		return strdup("none");
	text = json_dumps(j, JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS);
	return text ? text : strdup("?");
}

static void check(json_t *j, const char *path, const char *want, const char *why)
{
	_cleanup_free_ char *got = at(j, path);
	_cleanup_free_ char *what = str_format("%s: %s", why, path);

	ok_str(got, want, what);
}

static void test_values(void)
{
	static const struct {
		const char *fields, *path, *want;
	} rows[] = {
		{ "", "process.cwd", "\"/\"" },
		{ "", "process.capabilities", "{}" },
		{ "", "linux.namespaces", "[{\"type\":\"pid\"},{\"type\":\"mount\"}]" },
		{ "", "linux.resources", "{}" },
		{ "", "mounts.0.destination", "\"/dev\"" },
		{ "", "root", "{\"path\":\"rootfs\"}" },
		{ "  readonly: true", "root", "{\"path\":\"rootfs\",\"readonly\":true}" },
		{ "  readonly: true", "mounts.0.options.4", "\"ro\"" },
		{ "  readonly: true", "mounts.4.options.4", "\"ro\"" },
		{ "  tmpfs: [\"/a:x,,y\"]", "mounts.0.options", "[\"x\",\"\",\"y\"]" },
		{ "  tmpfs: [\"/a\"]", "mounts.0", "{\"destination\":\"/a\",\"source\":\"tmpfs\",\"type\":\"tmpfs\"}" },
		{ "  binds: [\"/x:/a\"]", "mounts.0.options", "[\"rw\",\"rbind\",\"rshared\"]" },
		{ "  binds: [\"/x:/a:ro\"]", "mounts.0.options", "[\"ro\",\"rbind\"]" },
		{ "  binds: [\"/x:/dev\"]", "mounts.0.source", "\"/x\"" },
		{ "  mounts: [{type: mqueue}]", "mounts.1",
		  "{\"destination\":\"/dev/mqueue\",\"source\":\"mqueue\",\"type\":\"mqueue\"}" },
		{ "  mounts: [{destination: /dev}]", "mounts.0",
		  "{\"destination\":\"/dev\",\"source\":\"tmpfs\",\"type\":\"tmpfs\"}" },
		{ "  capabilities: [CAP_KILL, CAP_CHOWN]", "process.capabilities.bounding",
		  "[\"CAP_CHOWN\",\"CAP_KILL\"]" },
		{ "  capabilities: [CAP_KILL, CAP_CHOWN]", "process.capabilities.effective",
		  "[\"CAP_KILL\",\"CAP_CHOWN\"]" },
		{ "  ambient: [CAP_KILL]", "process.capabilities",
		  "{\"ambient\":[\"CAP_KILL\"],\"bounding\":[\"CAP_KILL\"],\"inheritable\":[\"CAP_KILL\"],"
		  "\"permitted\":[\"CAP_KILL\"]}" },
		{ "  capabilities: [None]", "process.capabilities", "{}" },
		{ "  capabilities: [ALL]", "process.capabilities.bounding.40", "\"CAP_WAKE_ALARM\"" },
		{ "  net: none", "linux.namespaces.0", "{\"type\":\"network\"}" },
		{ "  net: /run/n", "linux.namespaces.0", "{\"path\":\"/run/n\",\"type\":\"network\"}" },
		{ "  pid: none", "linux.namespaces.0", "{\"path\":\"none\",\"type\":\"pid\"}" },
		{ "  pid: host", "linux.namespaces", "[{\"type\":\"mount\"}]" },
		{ "  uid: s", "process.user.uid", "100" },
		{ "  uid: -1", "process.user.uid", "4294967295" },
		{ "  uid: 4294967301", "process.user.uid", "5" },
		{ "  additionalGids: [root, 7]", "process.user.additionalGids", "[0,7]" },
		{ "  oomScoreAdj: 0", "process.oomScoreAdj", "0" },
		{ "  noNewPrivileges: false", "process.noNewPrivileges", "none" },
		{ "  rlimits: [\" nofile , 1 , 2\"]", "process.rlimits.0.type", "\"RLIMIT_NOFILE\"" },
		{ "  devices: [{path: all}]", "linux.resources.devices", "[{\"access\":\"rwm\",\"allow\":true}]" },
		{ "  devices: [{path: all}]", "linux.devices", "none" },
		{ "  devices: [{path: /d, mode: \"0666\"}]", "linux.devices.0",
		  "{\"fileMode\":438,\"major\":0,\"minor\":0,\"path\":\"/d\",\"type\":\"\"}" },
		{ "  resources: {devices: [{}], pids: {}}", "linux.resources",
		  "{\"devices\":[{\"allow\":false}],\"pids\":{\"limit\":0}}" },
		{ "  resources: {cpu: {cpus: \"\"}, network: {priorities: []}}", "linux.resources",
		  "{\"cpu\":{},\"network\":{}}" },
		{ "  uidMappings: [{hostID: 5, size: 6}]", "linux.uidMappings",
		  "[{\"containerID\":0,\"hostID\":0,\"size\":6}]" },
		{ "  sysctl: {}", "linux.sysctl", "none" },
		{ "  annotations: {a: \"\"}", "annotations", "{\"a\":\"\"}" },
		{ "  hostname: \"\"", "hostname", "none" },
	};
	static const struct image_config empty = { 0 };
	size_t i;

	for (i = 0; i < array_len(rows); i++) {
		struct made m;

		make(&m, rows[i].fields, NULL, &empty);
		ok(m.good, "accepted: %s", rows[i].fields);
		check(m.json, rows[i].path, rows[i].want, rows[i].fields);
		done(&m);
	}
}

static void test_label(void)
{
	static const char label[] =
		"{\"capabilities\":[\"CAP_CHOWN\"],\"binds\":[\"rel:/l\"],\"hostname\":\"h\",\"cwd\":\"/"
		"l\",\"net\":\"new\","
		"\"readonly\":true,\"uid\":5,\"command\":[\"l\"],\"env\":[\"L=1\"],\"runtime\":{\"mkdir\":[\"/m\"],"
		"\"cgroups\":[\"c\"],\"bindNS\":{\"net\":\"/n\"}}}";
	char *entrypoint[] = { (char *)"/e", NULL }, *cmd[] = { (char *)"c", NULL }, *env[] = { (char *)"I=1", NULL };
	struct image_config image = { .entrypoint = entrypoint, .cmd = cmd, .env = env, .workdir = (char *)"/i" };
	struct made m;

	make(&m, "", NULL, &image);
	check(m.json, "process.args", "[\"/e\",\"c\"]", "from the image");
	check(m.json, "process.env", "[\"I=1\"]", "from the image");
	check(m.json, "process.cwd", "\"/i\"", "from the image");
	done(&m);
	make(&m, "", label, &image);
	ok(m.good, "a label");
	check(m.json, "process.args", "[\"l\"]", "from the label");
	check(m.json, "process.cwd", "\"/l\"", "from the label");
	check(m.json, "process.user.uid", "5", "from the label");
	check(m.json, "mounts.2.source", "\"rel\"", "a label's bind names no volume");
	check(m.json, "root.readonly", "true", "from the label");
	check(m.runtime, "bindNS.net", "\"/n\"", "from the label");
	done(&m);
	make(&m,
	     "  capabilities.add: [CAP_KILL]\n  binds.add: [\"/y:/y\"]\n  command: []\n  cwd: \"\"\n  net: host\n"
	     "  uid: \"\"\n  runtime: {mkdir: []}\n",
	     label, &image);
	ok(m.good, "a label and the file");
	check(m.json, "process.capabilities.effective", "[\"CAP_CHOWN\",\"CAP_KILL\"]", "added to the label's");
	check(m.json, "mounts.6.destination", "\"/y\"", "added to the label's");
	check(m.json, "process.args", "none", "an empty list empties");
	check(m.json, "process.cwd", "\"/l\"", "an empty text does not");
	check(m.json, "process.user.uid", "0", "an empty owner is root");
	check(m.json, "linux.namespaces.0.type", "\"pid\"", "the file's namespace");
	check(m.runtime, "mkdir", "[]", "runtime goes field by field");
	check(m.runtime, "cgroups", "[\"c\"]", "runtime goes field by field");
	done(&m);
	make(&m, "", "{\"name\":\"x\"}", &image);
	ok(!m.good && strstr(m.diags, "a label cannot set \"name\""), "a label cannot set the name");
	done(&m);
	make(&m, "", "{\"readonly\":1}", &image);
	ok(!m.good && strstr(m.diags, "label org.mobyproject.config of i:1:13"), "a label is checked");
	done(&m);
	make(&m, "", "[]", &image);
	ok(!m.good, "a label must be a mapping");
	done(&m);
	make(&m, "  capabilities.add: [all]\n", label, &image);
	ok(!m.good && strstr(m.diags, "must be the only one"), "all is no member of a longer list");
	done(&m);
}

static void test_runtime(void)
{
	struct made m;

	make(&m, "  runtime: {mounts: [{destination: /x, uidmappings: [{size: 2}]}], interfaces: [{name: e}]}\n", NULL,
	     NULL);
	check(m.runtime, "mounts.0",
	      "{\"destination\":\"/containers/services/s/tmp\",\"source\":\"tmpfs\",\"type\":\"tmpfs\"}", "writable");
	check(m.runtime, "mounts.2.options.0", "\"lowerdir=/containers/services/s/lower\"", "writable");
	check(m.runtime, "mounts.3",
	      "{\"destination\":\"/x\",\"uidMappings\":[{\"containerID\":0,\"hostID\":0,\"size\":2}]}",
	      "after the root's");
	check(m.runtime, "interfaces", "[{\"createInRoot\":false,\"name\":\"e\"}]", "interfaces");
	check(m.runtime, "namespace", "\"\"", "always there");
	check(m.runtime, "bindNS",
	      "{\"cgroup\":\"\",\"ipc\":\"\",\"mnt\":\"\",\"net\":\"\",\"pid\":\"\",\"user\":\"\",\"uts\":\"\"}",
	      "always there");
	done(&m);
	make(&m, "  readonly: true\n", NULL, NULL);
	check(m.runtime, "mounts",
	      "[{\"destination\":\"/containers/services/s/rootfs\",\"options\":[\"bind\"],"
	      "\"source\":\"/containers/services/s/lower\"}]",
	      "read-only");
	done(&m);
}

static void test_volumes(void)
{
	static const struct {
		const char *fields, *want; /* the source, or what the message has */
	} rows[] = {
		{ "  binds: [\"v:/a\"]", "\"/containers/volumes/v/merged\"" },
		{ "  binds.add: [\"v:/a:ro\"]", "\"/containers/volumes/v/merged\"" },
		{ "  mounts: [{type: bind, source: v, destination: /a}]", "\"/containers/volumes/v/merged\"" },
		{ "  mounts: [{type: bind, source: r, destination: /a, options: [ro]}]",
		  "\"/containers/volumes/r/merged\"" },
		{ "  binds: [\"r:/a\"]", "is read-only" },
		{ "  binds: [\"r:/a:ro,nosuid\"]", "is read-only" },
		{ "  mounts: [{type: bind, source: r, destination: /a, options: [rw, ro]}]", "is read-only" },
		{ "  binds: [\"w:/a\"]", "neither an absolute path nor the name of a volume" },
		{ "  binds: [\"/x:/y\"]\n  binds.add: [\"w:/a\"]", "neither an absolute path" },
	};
	size_t i;

	for (i = 0; i < array_len(rows); i++) {
		_cleanup_free_ char *fields =
			str_format("%s\nvolumes: [{name: v}, {name: r, readonly: true}]\n", rows[i].fields);
		struct made m;

		make(&m, fields, NULL, NULL);
		if (*rows[i].want == '"')
			check(m.json, "mounts.0.source", rows[i].want, rows[i].fields);
		else
			ok(!m.good && strstr(m.diags, rows[i].want), "refused (%zu): %s", i, rows[i].want);
		done(&m);
	}
}

static void test_refused(void)
{
	static const struct {
		const char *fields, *message;
	} rows[] = {
		{ "  capabilities: [CAP_FOO]", "unknown capability \"CAP_FOO\"" },
		{ "  capabilities: [cap_kill]", "did you mean \"CAP_KILL\"?" },
		{ "  capabilities: [all, CAP_KILL]", "must be the only one" },
		{ "  ambient: [CAP_41]", "unknown capability" },
		{ "  tmpfs: [\"/a:b:c\"]", "is not DESTINATION[:OPTIONS]" },
		{ "  binds: [\"/a\"]", "is not SOURCE:DESTINATION[:OPTIONS]" },
		{ "  binds: [\"/a:/b:c:d\"]", "is not SOURCE:DESTINATION[:OPTIONS]" },
		{ "  mounts: [{destination: /x}]", "the mount has no type" },
		{ "  mounts: [{type: tmpfs}]", "the mount has no destination" },
		{ "  rlimits: [\"nofile,1\"]", "is not NAME,SOFT,HARD" },
		{ "  rlimits: [\"nofiel,1,2\"]", "did you mean \"NOFILE\"?" },
		{ "  rlimits: [\"nofile,-1,2\"]", "neither a number nor" },
		{ "  rlimits: [\"nofile,1,18446744073709551616\"]", "neither a number nor" },
		{ "  binds: [\"/a:\"]", "is not SOURCE:DESTINATION[:OPTIONS]" },
		{ "  uid: t", "no container is called \"t\"" },
		{ "  gid: \"5\"", "a number is written without quotes: `gid: 5`" },
		{ "  additionalGids: [x]", "no container is called \"x\"" },
		{ "  devices: [{path: /d}]", "the device has no mode" },
		{ "  devices: [{path: /d, mode: \"08\"}]", "is not an octal mode" },
		{ "  devices: [{path: /d, mode: \"20000000000\"}]", "is not an octal mode" },
	};
	size_t i;

	for (i = 0; i < array_len(rows); i++) {
		struct made m;

		make(&m, rows[i].fields, NULL, NULL);
		ok(!m.good && strstr(m.diags, rows[i].message), "refused: %s", rows[i].fields);
		ok(strstr(m.diags, "t.yml:4:") && strstr(m.diags, "services[0] \"s\""), "with its place: %s",
		   rows[i].message);
		done(&m);
	}
}

int main(void)
{
	test_values();
	test_label();
	test_runtime();
	test_volumes();
	test_refused();
	return tap_done();
}
