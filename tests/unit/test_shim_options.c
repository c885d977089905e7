/* The shim's options: TOML as containerd writes it and as people do, and what is made of it. */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io.h"
#include "options.h"
#include "runtime_options.pb-c.h"
#include "str.h"
#include "tap.h"
#include "toml.h"

/* --- the reader ----------------------------------------------------------------------------------------------------
 */

static const char *describe(const struct toml_entry *e)
{
	static char text[128];

	switch (e->type) {
	case TOML_STRING:
		snprintf(text, sizeof(text), "%s=\"%s\"", e->key, e->text);
		break;
	case TOML_INTEGER:
		snprintf(text, sizeof(text), "%s=%lld", e->key, (long long)e->number);
		break;
	case TOML_BOOLEAN:
		snprintf(text, sizeof(text), "%s=%s", e->key, e->on ? "true" : "false");
		break;
	default:
		snprintf(text, sizeof(text), "%s=?", e->key);
	}
	return text;
}

/* All entries, with bars between; an error behind them. */
static char *read_all(const char *text)
{
	_cleanup_toml_ struct toml t = toml_begin(text, strlen(text));
	_cleanup_toml_entry_ struct toml_entry e = { 0 };
	_cleanup_error_ struct error err = { 0 };
	_cleanup_buf_ struct buf out = { 0 };
	int r;

	while ((r = toml_next(&t, &e, &err)) > 0)
		buf_addf(&out, "%s|", describe(&e));
	if (r < 0)
		buf_addf(&out, "%s", error_text(&err));
	return strdup(buf_text(&out));
}

static void test_toml(void)
{
	static const struct {
		const char *text, *entries;
	} rows[] = {
		{ "", "" },
		{ "\n\r\n# only a comment", "" },
		{ "BinaryName = 'crun'\nNoNewKeyring = true\nIoUid = 1000\n",
		  "BinaryName=\"crun\"|NoNewKeyring=true|IoUid=1000|" },
		{ "a=1#x\r\nb = false # y", "a=1|b=false|" },
		{ "a = \"q\\\" \\\\ \\t \\u00e4 \\U0001F600\"", "a=\"q\" \\ \t \xc3\xa4 \xf0\x9f\x98\x80\"|" },
		{ "a = 'C:\\no\\escapes'", "a=\"C:\\no\\escapes\"|" },
		{ "a = ''\nb = \"\"\nc = \"\"\"\"\"\"", "a=\"\"|b=\"\"|c=\"\"|" },
		{ "a = \"\"\"\none\n\"two\"\"\\\n   \n  three\"\"\"\"\"\nb=1", "a=\"one\n\"two\"\"three\"\"\"|b=1|" },
		{ "a = '''it's\\n'''", "a=\"it's\\n\"|" },
		{ "\"a b\".c.'d' = 1", "a b.c.d=1|" },
		{ "a . b = 1", "a.b=1|" },
		{ "x=1\n[t]\nx=2\n[ t . u ] # c\nx=3\n[[list]]\nx=4", "x=1|t.x=2|t.u.x=3|list.x=4|" },
		{ "a=0x1F\nb=0o17\nc=0b101\nd=1_000\ne=-7\nf=+7\ng=0", "a=31|b=15|c=5|d=1000|e=-7|f=7|g=0|" },
		{ "a=9223372036854775807\nb=9223372036854775808", "a=9223372036854775807|b=?|" },
		{ "a=1.5\nb=-1e9\nc=inf\nd=1979-05-27T07:32:00Z\ne=1979-05-27 "
		  "07:32:00.5-07:00\nf=07:32:00\ng=01\nh=1__0",
		  "a=?|b=?|c=?|d=?|e=?|f=?|g=?|h=?|" },
		{ "a = []\nb = [ 1, 'x', [2, # c\n], ]\nc=1", "a=?|b=?|c=1|" },
		{ "a = {}\nb = { c = 1, d.e = [2], 'f' = {} }\ng=1", "a=?|b=?|g=1|" },
		/* what is wrong */
		{ "a=1\nb", "a=1|line 2: a key without =" },
		{ "= 1", "line 1: a key is expected" },
		{ "a =", "line 1: a key without a value" },
		{ "a = \n1", "line 1: a key without a value" },
		{ "\n\na = crun", "line 3: a text needs quotation marks" },
		{ "a = True", "line 1: a text needs quotation marks" },
		{ "a = 1 b = 2", "line 1: there is something behind the value" },
		{ "a = 'x' y", "line 1: there is something behind the value" },
		{ "a = 'x\n'", "line 1: a string without its end, or with a control character" },
		{ "a = \"x", "line 1: a string without its end, or with a control character" },
		{ "a = \"\"\"\nx\"\"", "line 2: a string without its end, or with a control character" },
		{ "a = \"\\x\"", "line 1: an unknown escape" },
		{ "a = \"\\u12\"", "line 1: an escape with too few digits" },
		{ "a = \"\\u0000\"", "line 1: an escape that is no character" },
		{ "a = \"\\ud800\"", "line 1: an escape that is no character" },
		{ "a = \"\\UFFFFFFFF\"", "line 1: an escape that is no character" },
		{ "a = [1, 2", "line 1: an array without its end" },
		{ "a = [1 2]", "line 1: an array without its end" },
		{ "a = { b = 1", "line 1: an inline table without its end" },
		{ "a = { b }", "line 1: a key without =" },
		{ "[a", "line 1: a table's name without its bracket" },
		{ "[[a]", "line 1: a table's name without its bracket" },
		{ "[]", "line 1: a key is expected" },
		{ "[a] b = 1", "line 1: there is something behind the value" },
		{ "a = 1 # \x01", "line 1: there is something behind the value" },
		{ "a = 1 \r b", "line 1: there is something behind the value" },
		{ "a = \"\x01\"", "line 1: a string without its end, or with a control character" },
		{ "a = [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "line 1: arrays and tables are nested too deeply" },
	};

	for (size_t i = 0; i < array_len(rows); i++) {
		_cleanup_free_ char *entries = read_all(rows[i].text);

		ok(str_eq(entries, rows[i].entries), "TOML, row %zu: %s", i, entries);
	}
}

/* --- what it means ---------------------------------------------------------------------------------------------------
 */

static void test_table(void)
{
	static const char text[] =
		"BinaryName = \"/opt/crun\"\nroot = '/run/x'\nSYSTEMDCGROUP = true\nNoPivotRoot = true\n"
		"NoNewKeyring = true\nShimCgroup = '/shims'\nIoUid = 7\nIoGid = 4294967295\n"
		"CriuWorkPath = '/w'\nTypeUrl = 'x'\nConfigPath = ''\nSystemdCgroups = 1\nExtra = [1]\n"
		"[more]\nBinaryName = 'other'\n";
	_cleanup_runc_options_ runc_options *o = NULL, *plain = NULL;
	_cleanup_strv_ char **unknown = NULL;
	_cleanup_free_ char *names = NULL;

	o = options_parse(text, strlen(text), &unknown, NULL);
	ok(o && str_eq(o->binary_name, "/opt/crun") && str_eq(o->root, "/run/x") && str_eq(o->shim_cgroup, "/shims") &&
		   str_eq(o->criu_work_path, "/w"),
	   "texts of the table");
	ok(o && o->systemd_cgroup && o->no_pivot_root && o->no_new_keyring && o->io_uid == 7 && o->io_gid == UINT32_MAX,
	   "its other values");
	names = strv_join(unknown, " ");
	ok_str(names, "SystemdCgroups Extra more.BinaryName", "what is not known is named");
	plain = options_parse("", 0, NULL, NULL);
	ok(plain && *plain->binary_name == '\0' && !plain->systemd_cgroup, "nothing: the defaults");
}

static void test_refused(void)
{
	static const struct {
		const char *text, *message;
	} rows[] = {
		{ "BinaryName = 3", "line 1: BinaryName is no text" },
		{ "\nSystemdCgroup = 'true'", "line 2: SystemdCgroup is neither true nor false" },
		{ "IoUid = -1", "line 1: IoUid is no number from 0 to 4294967295" },
		{ "IoGid = 4294967296", "line 1: IoGid is no number from 0 to 4294967295" },
		{ "IoGid = 1.0", "line 1: IoGid is no number from 0 to 4294967295" },
		{ "Root = '/a'\nroot = '/b'", "line 2: root is there twice" },
		{ "BinaryName = 'crun'\nnonsense", "line 2: a key without =" },
	};

	for (size_t i = 0; i < array_len(rows); i++) {
		_cleanup_error_ struct error e = { 0 };
		_cleanup_runc_options_ runc_options *o = options_parse(rows[i].text, strlen(rows[i].text), NULL, &e);

		ok(!o, "refused, row %zu", i);
		ok_str(error_text(&e), rows[i].message, "and why");
	}
}

static runc_options *read_outer(const char *path, const char *body, struct error *err)
{
	Runtimeoptions__V1__Options outer = RUNTIMEOPTIONS__V1__OPTIONS__INIT;
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	uint8_t packed[512];

	outer.config_path = (char *)path;
	outer.config_body = (ProtobufCBinaryData){ .data = (uint8_t *)body, .len = strlen(body) };
	any.type_url = (char *)"types.containerd.io/runtimeoptions.v1.Options";
	any.value = (ProtobufCBinaryData){ .data = packed, .len = runtimeoptions__v1__options__pack(&outer, packed) };
	return options_read(&any, NULL, err);
}

static void test_messages(void)
{
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	_cleanup_runc_options_ runc_options *body = NULL, *both = NULL, *none = NULL, *bad = NULL, *other = NULL,
					    *old = NULL;
	char dir[] = "/tmp/pith-options.XXXXXX";
	_cleanup_free_ char *file = mkdtemp(dir) ? str_format("%s/runtime.toml", dir) : NULL;
	_cleanup_free_ char *fifo = str_format("%s/fifo", dir);
	_cleanup_error_ struct error e = { 0 };

	body = read_outer("", "BinaryName = 'crun'\n", NULL);
	ok(body && str_eq(body->binary_name, "crun"), "a table in the message");
	ok(file && file_write(file, "BinaryName = 'youki'\n", 21, 0600, NULL) == 0, "a file");
	both = read_outer(file, "BinaryName = 'crun'\n", NULL);
	ok(both && str_eq(both->binary_name, "youki"), "the file, where its path is there");
	none = read_outer("", "", NULL);
	ok(none && *none->binary_name == '\0', "neither: the defaults");
	bad = read_outer("", "BinaryName = crun", &e);
	ok_str(error_text(&e), "runtime options: line 1: a text needs quotation marks", "a bad table");
	ok(!bad && !read_outer("relative.toml", "", &e), "a relative path");
	ok_str(error_text(&e), "runtime options: config_path \"relative.toml\" is not absolute", "is refused by name");
	ok(!read_outer("/nonexistent.toml", "", &e) && strstr(error_text(&e), "/nonexistent.toml"), "a missing file");
	ok(fifo && mkfifo(fifo, 0600) == 0 && !read_outer(fifo, "", &e) && strstr(error_text(&e), "fifo"),
	   "a fifo is not waited for");
	any.type_url = (char *)"some.other.Options";
	any.value = (ProtobufCBinaryData){ .data = (uint8_t *)"\x08\x01", .len = 2 };
	other = options_read(&any, NULL, &e);
	ok(!other && strstr(error_text(&e), "some.other.Options"), "another type is refused by name");
	any.type_url = (char *)"containerd.linux.runc.CreateOptions";
	any.value = (ProtobufCBinaryData){ .data = (uint8_t *)"\x08\x01\x4a\x02/s\x50\x07\x62\x02/w", .len = 12 };
	old = options_read(&any, NULL, NULL);
	ok(old && old->no_pivot_root && old->io_uid == 7 && old->io_gid == 0 && str_eq(old->shim_cgroup, "/s") &&
		   str_eq(old->criu_work_path, "/w") && *old->binary_name == '\0',
	   "what clients before 2.0 send");
	any.value = (ProtobufCBinaryData){ .data = (uint8_t *)"\xff\xff", .len = 2 };
	ok(!options_read(&any, NULL, &e), "junk of that type");
	any.type_url = (char *)"runtimeoptions.v1.Options";
	any.value = (ProtobufCBinaryData){ .data = (uint8_t *)"\xff\xff", .len = 2 };
	ok(!options_read(&any, NULL, &e), "junk is refused");
	ok(dir_remove(dir, NULL) == 0, "the folder goes");
}

int main(void)
{
	test_toml();
	test_table();
	test_refused();
	test_messages();
	return tap_done();
}
