/* The YAML reader, the tables of fields and the model: positions, types, merging, what is refused and how it is said.
 */
#include <stdlib.h>

#include "check.h"
#include "dump.h"
#include "load.h"
#include "model.h"
#include "parse.h"
#include "str.h"
#include "tap.h"

/* --- reading ------------------------------------------------------------------------------------------------ */

struct parsed {
	struct text_file file;
	struct arena arena;
	struct diags diags;
	struct node *root;
};

static void parse(struct parsed *p, const char *text)
{
	*p = (struct parsed){
		.file = { .name = (char *)"t.yml", .text = (char *)text, .len = strlen(text), .number = 1 }
	};
	p->root = yaml_parse(&p->file, &p->arena, &p->diags);
}

static void done(struct parsed *p)
{
	arena_free(&p->arena);
	diags_free(&p->diags);
}

static void test_scalars(void)
{
	static const struct {
		const char *text;
		enum node_kind kind;
		int64_t integer;
	} rows[] = {
		{ "0", NODE_INT, 0 },
		{ "-0", NODE_INT, 0 },
		{ "+12", NODE_INT, 12 },
		{ "010", NODE_INT, 8 },
		{ "-017", NODE_INT, -15 },
		{ "0o17", NODE_INT, 15 },
		{ "0x1F", NODE_INT, 31 },
		{ "0b101", NODE_INT, 5 },
		{ "1_000", NODE_INT, 1000 },
		{ "0x_1F", NODE_INT, 31 },
		{ "9223372036854775807", NODE_INT, INT64_MAX },
		{ "-9223372036854775808", NODE_INT, INT64_MIN },
		{ "9223372036854775808", NODE_UINT, INT64_MIN },
		{ "18446744073709551616", NODE_FLOAT, 0 },
		{ "08", NODE_FLOAT, 0 },
		{ "1e3", NODE_FLOAT, 0 },
		{ ".5", NODE_FLOAT, 0 },
		{ "5.", NODE_FLOAT, 0 },
		{ "-.inf", NODE_FLOAT, 0 },
		{ "1e999", NODE_STRING, 0 },
		{ "0b2", NODE_STRING, 0 },
		{ "1:30", NODE_STRING, 0 },
		{ "2001-01-01", NODE_STRING, 0 },
		{ "_1", NODE_STRING, 0 },
		{ "yes", NODE_STRING, 0 },
		{ "off", NODE_STRING, 0 },
		{ "True", NODE_BOOL, 0 },
		{ "tRue", NODE_STRING, 0 },
		{ "~", NODE_NULL, 0 },
		{ "\"5\"", NODE_STRING, 0 },
		{ "!!int \"5\"", NODE_INT, 5 },
		{ "!!str 5", NODE_STRING, 0 },
		{ "!!float 5", NODE_FLOAT, 0 },
		{ "! 5", NODE_INT, 5 },
		{ "!mine 5", NODE_STRING, 0 },
		{ "!!binary aGk=", NODE_STRING, 0 },
	};
	size_t i;

	for (i = 0; i < array_len(rows); i++) {
		struct parsed p;

		parse(&p, rows[i].text);
		ok(p.root && p.root->kind == rows[i].kind, "%.30s is %s", rows[i].text, node_kind_name(rows[i].kind));
		if (p.root && (rows[i].kind == NODE_INT || rows[i].kind == NODE_UINT))
			ok(p.root->integer == rows[i].integer, "%s has its value", rows[i].text);
		done(&p);
	}
}

static void test_binary(void)
{
	static const struct {
		const char *text, *want;
		size_t len;
	} rows[] = {
		{ "!!binary AAECAw==", "\0\1\2\3", 4 },
		{ "!!binary aGVsbG8h", "hello!", 6 },
		{ "!!binary |\n aGVs\n bG8=\n", "hello", 5 },
		{ "!!binary \"\"", "", 0 },
	};
	static const char *const bad[] = { "!!binary a", "!!binary a===", "!!binary a=bc", "!!binary \"\\xe4\"" };
	struct parsed p;
	size_t i;

	for (i = 0; i < array_len(rows); i++) {
		parse(&p, rows[i].text);
		ok(p.root && p.root->len == rows[i].len && memcmp(p.root->text, rows[i].want, rows[i].len) == 0,
		   "base64 %zu", i);
		done(&p);
	}
	for (i = 0; i < array_len(bad); i++) {
		parse(&p, bad[i]);
		ok(p.diags.errors == 1, "bad base64 is refused (%zu)", i);
		done(&p);
	}
}

static const char *text_of(const struct node *map, const char *key)
{
	const struct node *n = map ? node_get(map, key) : NULL;

	return n ? n->text : NULL;
}

static void test_merge(void)
{
	struct parsed p;
	const struct node *n;

	parse(&p,
	      "a: &a {x: 1, y: 2}\nb: &b {y: 3, z: 4}\nc:\n  x: own\n  <<: [*a, *b]\nd: {\"<<\": q}\ne: {<<: *a}\n");
	n = p.root ? node_get(p.root, "c") : NULL;
	ok_str(text_of(n, "x"), "own", "the own key wins over a merged one");
	ok_str(text_of(n, "y"), "2", "the first of several merged mappings wins");
	ok_str(text_of(n, "z"), "4", "keys of the second are there");
	ok(n && n->count == 3, "the merge key itself is gone");
	ok_str(text_of(node_get(p.root, "d"), "<<"), "q", "a quoted << is a key like others");
	ok(node_get(p.root, "e") && node_get(p.root, "e")->count == 2, "a single mapping merges");
	done(&p);
	parse(&p, "a: &a [1, &b two]\nc: [*b, *a]\n");
	n = p.root ? node_get(p.root, "c") : NULL;
	ok(n && n->count == 2 && n->items[1]->kind == NODE_LIST && str_eq(n->items[0]->text, "two"), "aliases");
	ok(n && n->items[0]->at.line == 1 && n->items[0]->at.column == 11, "an alias has the position of its anchor");
	done(&p);
}

/* What is refused, and where it says so. */
static void test_refused(void)
{
	static char deep[2 * YAML_DEPTH + 8], laughs[4096], wide[64 << 10];
	static const struct {
		const char *text, *message;
		uint32_t line, column;
	} rows[] = {
		{ "", "nothing in the file", 0, 0 },
		{ "# only a remark\n", "nothing in the file", 0, 0 },
		{ "a: 1\nb: 2\na: 3\n", "is here twice", 3, 1 },
		{ "a: {x: 1, x: 2}\n", "is here twice", 1, 11 },
		{ "? [a]\n: b\n", "a key must be text", 1, 3 },
		{ "1: x\n", "a key must be text", 1, 1 },
		{ "a:\n\t- b\n", "not well-formed YAML", 2, 1 },
		{ "a: \"x\n", "not well-formed YAML", 2, 1 },
		{ "a: *b\n", "no anchor", 1, 4 },
		{ "a: &x [*x]\n", "contains itself", 1, 8 },
		{ "a: {<<: 5}\n", "takes a mapping", 1, 9 },
		{ "a: \xff\n", "not text in UTF-8", 0, 0 },
		{ "%YAML 1.2\n--- {}\n", "LinuxKit reads no YAML 1.2", 1, 1 },
		{ "a: !!int x\n", "as its tag says", 1, 4 },
		{ deep, "nested more than", 1, YAML_DEPTH + 1 },
		{ laughs, "values, aliases included", 0, 0 },
		{ wide, "a merge", 0, 0 },
	};
	size_t i, n = 0;

	memset(deep, '[', YAML_DEPTH + 4);
	n += (size_t)sprintf(laughs, "a0: &a0 [x]\n");
	for (i = 1; i < 12; i++)
		n += (size_t)sprintf(laughs + n, "a%zu: &a%zu [*a%zu, *a%zu, *a%zu, *a%zu]\n", i, i, i - 1, i - 1,
				     i - 1, i - 1);
	n = (size_t)sprintf(wide, "a: &a {");
	for (i = 0; i < 3000; i++)
		n += (size_t)sprintf(wide + n, "k%zu: 1, ", i);
	sprintf(wide + n, "}\nb: {<<: *a}\n");
	for (i = 0; i < array_len(rows); i++) {
		struct parsed p;
		struct diag *d;

		parse(&p, rows[i].text);
		d = p.diags.count ? &p.diags.list[0] : NULL;
		ok(d && p.diags.errors && strstr(d->message, rows[i].message), "refused (%zu): %s", i, rows[i].message);
		if (d && !strstr(d->message, rows[i].message))
			printf("# %s\n", d->message);
		if (d && rows[i].line)
			ok(d->at.line == rows[i].line && d->at.column == rows[i].column, "at %u:%u (want %u:%u)",
			   d->at.line, d->at.column, rows[i].line, rows[i].column);
		done(&p);
	}
}

static void test_documents(void)
{
	struct parsed p;

	parse(&p, "a: 1\n---\nb: 2\n");
	ok(p.root && node_get(p.root, "a") && !node_get(p.root, "b"), "the first document is read");
	ok(p.diags.errors == 0 && p.diags.count == 1, "and a warning says that there are more");
	done(&p);
	parse(&p, "--- ~\n");
	ok(p.root && p.root->kind == NODE_NULL, "an explicit empty document is null");
	done(&p);
	parse(&p,
	      "\xef\xbb\xbf"
	      "a: é\nb: x\n");
	ok(p.root && node_get(p.root, "b"), "a byte order mark is skipped");
	done(&p);
}

/* --- the model ------------------------------------------------------------------------------------------------- */

static void add(struct config *c, const char *name, const char *text)
{
	config_add(c, name, strdup(text), strlen(text), NULL, NULL);
}

static char *report(struct config *c)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	diags_print(&c->diags, f, false);
	fclose(f);
	return text;
}

#define SERVICE "services:\n  - name: s\n    image: a/b:1\n"

static void test_types(void)
{
	static const struct {
		const char *text, *message, *hint;
	} rows[] = {
		{ "services:\n", "services: there is no value, where a list of mappings is wanted",
		  "write `services: []`, or remove the line" },
		{ "kernel:\n", "kernel: there is no value", "write `kernel: {}`" },
		{ "init: a/b\n", "init: a list of text is wanted here, not text", "write `init: [\"a/b\"]`" },
		{ "inti: []\n", "unknown key \"inti\"", "did you mean \"init\"?" },
		{ "services: [{name: s, image: i, ports: [80]}]\n", "services[0] \"s\": unknown key \"ports\"",
		  "ports are published when the machine is run: `pith run --publish 8080:80`" },
		{ "ports: []\n", "unknown key \"ports\"", NULL },
		{ "Init: []\n", "unknown key \"Init\"", "did you mean \"init\"?" },
		{ SERVICE "    readonly: yes\n", "readonly: true or false is wanted here, not text",
		  "write `readonly: true`" },
		{ SERVICE "    readonly: 0\n", "not a number", "write `readonly: false`" },
		{ SERVICE "    hostname: 5\n", "hostname: text is wanted here, not a number",
		  "write `hostname: \"5\"`, in quotes" },
		{ SERVICE "    devices: [{path: /x, mode: 0666}]\n", "devices[0] \"/x\".mode: text is wanted",
		  "write `mode: \"0666\"`, in quotes" },
		{ SERVICE "    oomScoreAdj: \"5\"\n", "oomScoreAdj: a whole number is wanted here, not text",
		  "write `oomScoreAdj: 5`, without quotes" },
		{ SERVICE "    oomScoreAdj: 1.5\n", "oomScoreAdj: a whole number", NULL },
		{ SERVICE "    env: A=1\n", "env: a list of text is wanted here, not text", "write `env: [\"A=1\"]`" },
		{ SERVICE "    env: [1]\n", "env[0]: text is wanted here", "write `- \"1\"`, in quotes" },
		{ SERVICE "    resources: {pids: {limt: 1}}\n",
		  "services[0] \"s\": resources.pids: unknown key \"limt\"", "did you mean \"limit\"?" },
		{ SERVICE "    resources: {blockio: {weight: 65536}}\n", "65536 is out of range: from 0 to 65535",
		  NULL },
		{ SERVICE "    resources: {memory: {limit: 5Q}}\n", "limit: a whole number is wanted here, not text",
		  "for example `limit: 100M`" },
		{ SERVICE "    resources: {memory: {limit: \"5\"}}\n", "limit: a whole number is wanted here, not text",
		  "write `limit: 5`, without quotes" },
		{ SERVICE "    resources: {memory: {limit: 9999999T}}\n", "limit: a whole number is wanted", NULL },
		{ SERVICE "    resources: {pids: {limit: 5M}}\n", "limit: a whole number is wanted", NULL },
		{ SERVICE "    resources: {cpu: {shares: -1}}\n", "-1 is out of range", NULL },
		{ SERVICE "    command: [\"a\\0b\"]\n", "a zero byte inside text", NULL },
		{ SERVICE "    uid: 1e3\n", "uid: a number or a name is wanted here, not a number", NULL },
		{ SERVICE "    uid: 9223372036854775808\n", "uid: a number or a name", NULL },
		{ "services: [{name: a}]\n", "the key \"image\" is missing", NULL },
		{ "services: [{image: a}]\n", "the key \"name\" is missing", NULL },
		{ "services: {name: a, image: b}\n", "services: a list of mappings is wanted here, not a mapping",
		  "begin each entry" },
		{ "volumes: [{name: a, format: iso}]\n", "unknown format \"iso\"", "it is \"oci\" or \"filesystem\"" },
		{ "[]\n", "a mapping is wanted here, not a list", NULL },
		{ "services: [{name: a/b, image: c}]\n", "cannot be a name", NULL },
		{ "onboot: [{name: \"..\", image: c}]\n", "cannot be a name", NULL },
		{ "services: [{name: a, image: C}]\n", "no image name", NULL },
		{ "init: [\"@pkg:x\"]\n", "works only in a local file", NULL },
		{ "volumes: [{name: A}]\n", "cannot be a volume's name", NULL },
		{ "volumes: [{}]\n", "the volume has no name", NULL },
		{ "volumes: [{name: a, image: b, format: oci, platforms: [amd64]}]\n", "\"amd64\" is no platform",
		  "linux/amd64" },
		{ "volumes: [{name: a, image: b, format: oci, platforms: [a/b/c/d]}]\n", "is no platform", NULL },
		{ SERVICE "    annotations: {org.pith.restart: sometimes}\n", "'sometimes' is none of", NULL },
		{ SERVICE "    annotations: {org.pith.stop-timeout: soon}\n", "org.pith.stop-timeout", NULL },
		{ SERVICE "    annotations: {org.pith.stop-signal: BOOM}\n", "org.pith.stop-signal", NULL },
		{ SERVICE "    annotations: {org.pith.ready: maybe}\n", "org.pith.ready", NULL },
		{ SERVICE "    annotations: {org.pith.after: t}\n", "names \"t\", which is no service", NULL },
		{ "onboot: [{name: a, image: b, annotations: {org.pith.onfail: panic}}]\n", "'panic' is none of",
		  NULL },
	};
	size_t i;

	for (i = 0; i < array_len(rows); i++) {
		struct config c = { 0 };
		_cleanup_free_ char *text = NULL;

		add(&c, "t.yml", rows[i].text);
		if (!c.unreadable)
			config_check(&c);
		text = report(&c);
		ok(c.diags.errors && strstr(text, rows[i].message), "%s", rows[i].message);
		ok(!rows[i].hint || strstr(text, rows[i].hint), "hint: %s", rows[i].hint ? rows[i].hint : "none");
		if (!strstr(text, rows[i].message) || (rows[i].hint && !strstr(text, rows[i].hint)))
			printf("# %s\n", text);
		config_free(&c);
	}
}

static void test_one_run(void)
{
	static const char text[] = "kernal: {}\n"
				   "services:\n"
				   "  - name: web\n"
				   "    image: a/b:1\n"
				   "    comand: [x]\n"
				   "\n"
				   "  - name: web\n"
				   "    image: a/b:1\n"
				   "    readonly: no\n";
	static const char want[] =
		"t.yml:1:1: error: unknown key \"kernal\"\n"
		"    1 | kernal: {}\n"
		"      | ^~~~~~\n"
		"      = did you mean \"kernel\"?\n"
		"t.yml:5:5: error: services[0] \"web\": unknown key \"comand\"\n"
		"    5 |     comand: [x]\n"
		"      |     ^~~~~~\n"
		"      = did you mean \"command\"?\n"
		"t.yml:7:11: error: services[1] \"web\": there are two services of the name \"web\"\n"
		"    7 |   - name: web\n"
		"      |           ^~~\n"
		"      = the first one is in line 3 of t.yml\n"
		"t.yml:9:15: error: services[1] \"web\": readonly: true or false is wanted here, not text\n"
		"    9 |     readonly: no\n"
		"      |               ^~\n"
		"      = write `readonly: false`\n";
	_cleanup_free_ char *got = NULL;
	struct config c = { 0 };

	add(&c, "t.yml", text);
	config_check(&c);
	got = report(&c);
	ok_str(got, want, "all that is wrong, in one run, in order, with line and caret");
	config_free(&c);
}

static void test_merging(void)
{
	struct config c = { 0 };
	uint32_t id;

	add(&c, "1.yml",
	    "kernel: {image: a, cmdline: one, tar: x.tar}\ninit: [i1]\nvolumes: [{name: v}]\n"
	    "onboot: [{name: x, image: a}]\n");
	add(&c, "2.yml",
	    "kernel: {image: \"\", cmdline: two, tar: none}\ninit: [i2]\nvolumes: [{name: w}]\n"
	    "services: [{name: x, image: a}, {name: y, image: a}]\nonshutdown: [{name: z, image: b}]\n");
	ok(config_check(&c), "two good files");
	ok_str(c.kernel[KERNEL_IMAGE]->text, "a", "an empty image does not override");
	ok_str(c.kernel[KERNEL_CMDLINE]->text, "two", "a later command line does");
	ok_str(c.kernel[KERNEL_TAR]->text, "none", "so does a later tar");
	ok(c.init.count == 2 && str_eq(c.init.list[1].node->text, "i2"), "lists append");
	ok(config_volume(&c, "v") && config_volume(&c, "w") && !config_volume(&c, "u"),
	   "volumes of all files are known");
	ok(config_id(&c, "x", &id) && id == 102, "the id of the last container of a name");
	ok(config_id(&c, "z", &id) && id == 101, "ids count through onboot, onshutdown, services");
	ok(!config_id(&c, "root", &id), "no id of a name that is none");
	add(&c, "3.yml", "volumes: [{name: v}]\n");
	ok(!config_check(&c), "a volume's name may not be in two files");
	config_free(&c);
}

static void test_order(void)
{
	struct config c = { 0 };
	_cleanup_free_ char *text = NULL;

	add(&c, "t.yml",
	    "services:\n"
	    "- {name: a, image: i, annotations: {org.pith.after: \"b, c\"}}\n"
	    "- {name: b, image: i, annotations: {org.pith.after: c}}\n"
	    "- {name: c, image: i}\n");
	ok(config_check(&c), "services after each other");
	add(&c, "u.yml",
	    "services:\n- {name: d, image: i, annotations: {org.pith.after: e}}\n"
	    "- {name: e, image: i, annotations: {org.pith.after: f}}\n"
	    "- {name: f, image: i, annotations: {org.pith.after: \"a, d\"}}\n"
	    "- {name: g, image: i, annotations: {org.pith.after: \"a, g\"}}\n");
	ok(!config_check(&c) && c.diags.errors == 2, "circles are refused");
	text = report(&c);
	ok(strstr(text, "u.yml:2:53: error: services[0] \"d\": org.pith.after: cycle: d -> e -> f -> d") &&
		   strstr(text, "u.yml:5:53: error: services[3] \"g\": org.pith.after: cycle: g -> g"),
	   "and shown, all of them");
	config_free(&c);
	add(&c, "t.yml", "services: [{name: a, image: i, annotations: {org.pith.restrat: no-such, other: x}}]\n");
	ok(config_check(&c) && c.diags.count == 1, "an unknown name of ours is a warning");
	ok(c.diags.count && c.diags.list[0].hint && strstr(c.diags.list[0].hint, "org.pith.restart"),
	   "with a suggestion");
	config_free(&c);
}

/* What is written out again and read says the same. */
static void test_dump(void)
{
	static const char text[] =
		"kernel: {image: k:1, cmdline: \"a: b\"}\ninit: [x]\nvolumes: [{name: v, readonly: true}]\n"
		"onboot:\n- name: a\n  image: b\n  command: [\"\", \"yes\", \"0x1\", \"#\", \"a b\", \"n\\nl\", \"~\", "
		"\"é\", a:b, \"- x\"]\n"
		"  mounts: [{type: tmpfs, destination: /t}]\n  runtime: {interfaces: [{name: e}], bindNS: {net: /n}}\n"
		"  resources: {memory: {limit: 1e3, swap: 3M, reservation: \"2KiB\", kernelTCP: 5}, blockio: "
		"{weightDevice: []}}\n  uid: 010\n  sysctl: "
		"{\"a b\": \"1\"}\n"
		"files: [{path: f, contents: !!binary AP8=}, {path: g, contents: \"x\"}]\n";
	struct config c = { 0 }, d = { 0 };
	_cleanup_free_ char *first = NULL, *second = NULL, *json = NULL;
	size_t n, m, k;

	add(&c, "t.yml", text);
	ok(config_check(&c), "a configuration");
	first = config_yaml(&c, false, &n);
	add(&d, "again.yml", first);
	ok(config_check(&d), "what is written can be read");
	second = config_yaml(&d, false, &m);
	ok_str(second, first, "and written again is the same");
	ok(strstr(first, "- \"0x1\"\n") && strstr(first, "- \"~\"\n") && strstr(first, "- a:b\n"), "texts stay texts");
	ok(strstr(first, "!!binary \"AP8=\"") && strstr(first, "limit: 1000\n") && strstr(first, "uid: 8\n"), "values");
	ok(strstr(first, "swap: 3145728\n") && strstr(first, "reservation: 2048\n"), "sizes become bytes");
	json = config_json(&c, &k);
	ok(json && strstr(json, "\"services\": null") && strstr(json, "docker.io/library/k:1"), "metadata in JSON");
	config_free(&c);
	config_free(&d);
}

int main(void)
{
	test_scalars();
	test_binary();
	test_merge();
	test_refused();
	test_documents();
	test_types();
	test_one_run();
	test_merging();
	test_order();
	test_dump();
	return tap_done();
}
