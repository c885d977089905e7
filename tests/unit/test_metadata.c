/* metadata's readers: names, encodings, SMBIOS, seeds, VMware's backdoor, and the bound of entries. */
#include <errno.h>
#include <stdlib.h>

#include "cloudinit.h"
#include "encoding.h"
#include "entries.h"
#include "guestinfo.h"
#include "smbios.h"
#include "str.h"
#include "tap.h"

static const char *const bad_names[] = { "", "/a", "..", "a/..", "a/../b", ".", "a/./b", "a//b", "a/", ".pith-x" };

static void test_names(void)
{
	char out[SINK_PATH_MAX], longest[2 * SINK_PATH_MAX];

	for (size_t i = 0; i < array_len(bad_names); i++)
		ok(path_join(out, "", bad_names[i], NULL) < 0, "a name is refused: \"%s\"", bad_names[i]);
	ok(path_join(out, "", "a/..b/.c", NULL) == 0, "dots that lead nowhere");
	ok_str(out, "a/..b/.c", "the path");
	memset(longest, 'a', sizeof(longest));
	for (size_t i = 100; i < sizeof(longest); i += 100)
		longest[i] = '/';
	longest[SINK_PATH_MAX] = '\0';
	ok(path_join(out, "", longest, NULL) < 0, "a path that is too long");
}

static void test_base64(void)
{
	static const struct {
		const char *text, *want;
	} rows[] = { { "", "" },    { "YQ==", "a" }, { "YWI=", "ab" }, { "YWJj", "abc" },   { "YW\nJj", "abc" },
		     { "YQ", "a" }, { "Y", NULL },   { "Y!==", NULL }, { "YQ==YQ==", NULL } };

	for (size_t i = 0; i < array_len(rows); i++) {
		_cleanup_buf_ struct buf out = { 0 };
		int r = base64_decode(rows[i].text, strlen(rows[i].text), &out, NULL);

		ok(rows[i].want ? r == 0 && str_eq(buf_text(&out), rows[i].want) : r < 0, "base64 \"%s\"",
		   rows[i].text);
	}
}

/* --- entries --- */

static size_t files_seen, said;

static int on_file(void *data, const struct sink_file *file, struct error *err)
{
	(void)data;
	(void)file;
	(void)err;
	files_seen++;
	return 0;
}

static int on_dir(void *data, const char *path, mode_t mode, struct error *err)
{
	(void)data;
	(void)path;
	(void)mode;
	(void)err;
	return 0;
}

static void on_say(void *data, const char *what, const char *why)
{
	(void)data;
	(void)what;
	(void)why;
	said++;
}

static void test_entries(void)
{
	const struct sink sink = { .file = on_file, .dir = on_dir, .say = on_say };
	_cleanup_buf_ struct buf text = { 0 };

	buf_addstr(&text, "{");
	for (int i = 0; i < SINK_ENTRIES_MAX + 5; i++)
		buf_addf(&text, "%s\"n%d\":{\"content\":\"\"}", i ? "," : "", i);
	buf_addstr(&text, "}");
	ok(entries_read(buf_text(&text), text.len, &sink, NULL) == 1, "more entries than are taken");
	ok(files_seen == SINK_ENTRIES_MAX && said == 1, "%d of them are written, and that is said once",
	   SINK_ENTRIES_MAX);
	ok(entries_read("[]", 2, &sink, NULL) == 0 && entries_read("{", 1, &sink, NULL) == 0, "no object, no JSON");
}

/* --- the serial number --- */

static void test_serial(void)
{
	static const char table[] = "\0\5\0\0\1vendor\0\0" /* another structure, with a string */
				    "\1\10\1\0\1\2\0\3maker\0model\0ds=nocloud;h=x\0\0"
				    "\177\4\2\0\0\0";
	_cleanup_free_ char *serial = smbios_serial(table, sizeof(table) - 1);
	_cleanup_cloudinit_seed_ struct cloudinit_seed seed = { 0 };

	ok_str(serial, "ds=nocloud;h=x", "the serial number of a table");
	for (size_t n = 0; n < sizeof(table) - 1; n++)
		free(smbios_serial(table, n));
	ok(cloudinit_seed_parse("ds=nocloud-net;s=http://h/;i=1;x;local-hostname=n", &seed, NULL) == 1, "a seed");
	ok_str(seed.from, "http://h/", "where it is");
	ok_str(seed.hostname, "n", "its host name");
	ok_str(seed.instance, "1", "its instance");
	cloudinit_seed_clear(&seed);
	ok(cloudinit_seed_parse("VMware-56 4d", &seed, NULL) == 0 && cloudinit_seed_parse("", &seed, NULL) == 0,
	   "no seed");
}

/* --- VMware's side of the backdoor ----------------------------------------------------------------------------------
 */

struct host {
	char question[128], answer[128];
	size_t asked, said, length;
	unsigned open, failing; /* channels; the message that fails */
};

static void answer_make(struct host *h)
{
	static const char *const values[][2] = {
		{ "info-get guestinfo.userdata", "1 eyJhIjp7fX0=" },
		{ "info-get guestinfo.userdata.encoding", "1 base64" },
		{ "info-get guestinfo.metadata", "1 ---" },
	};

	strcpy(h->answer, "0 No value found");
	for (size_t i = 0; i < array_len(values); i++)
		if (str_eq(h->question, values[i][0]))
			strcpy(h->answer, values[i][1]);
	h->said = 0;
}

static void door(struct backdoor_registers *r, void *data)
{
	struct host *h = data;
	unsigned what = r->cx >> 16;

	if (r->cx == 10) {
		r->bx = 0x564d5868;
		r->ax = 6;
		return;
	}
	if (what == 0) {
		h->open++;
		r->dx = 0x00070000;
		r->si = 11;
		r->di = 22;
	} else if (r->dx >> 16 != 7 || r->si != 11 || r->di != 22) {
		r->cx = 0;
		return;
	} else if (what == 1) {
		memset(h->question, 0, sizeof(h->question));
		h->length = r->bx;
		h->asked = 0;
	} else if (what == 2) {
		memcpy(h->question + h->asked, &r->bx, 4);
		h->asked += 4;
		if (h->asked >= h->length)
			answer_make(h);
	} else if (what == 3) {
		r->bx = (uint32_t)strlen(h->answer);
		r->dx = 1 << 16;
	} else if (what == 4) {
		memcpy(&r->bx, h->answer + h->said, 4);
		h->said += 4;
		r->dx = 2 << 16;
	} else if (what == 6) {
		h->open--;
	}
	r->cx = what == h->failing && what ? 0 : 3u << 16;
}

static void test_guestinfo(void)
{
	struct host h = { 0 };
	_cleanup_buf_ struct buf out = { 0 };

	ok(guestinfo_there(door, &h), "a host that says that it is there");
	ok(guestinfo_get_decoded(door, &h, "guestinfo.userdata", &out, NULL) == 1, "a value in base64");
	ok_str(buf_text(&out), "{\"a\":{}}", "is decoded");
	ok(guestinfo_get_decoded(door, &h, "guestinfo.metadata", &out, NULL) == 0, "--- is nothing");
	ok(guestinfo_get_decoded(door, &h, "guestinfo.vendordata", &out, NULL) == 0, "one that is not there");
	for (h.failing = 1; h.failing < 6; h.failing++) {
		_cleanup_error_ struct error err = { 0 };

		ok(guestinfo_get(door, &h, "guestinfo.userdata", &out, &err) < 0, "a host that fails: %s",
		   error_text(&err));
	}
	ok(h.open == 0, "every channel is closed again");
	/* the processor of this machine is asked, and nothing happens */
	if (!backdoor_probe())
		ok(true, "no VMware here: the port is not touched");
}

int main(void)
{
	test_names();
	test_base64();
	test_entries();
	test_serial();
	test_guestinfo();
	return tap_done();
}
