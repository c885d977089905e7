/* host/named: the settings of a machine with a name, read and written. */
#include <string.h>

#include "settings.h"
#include "str.h"
#include "tap.h"

#define GIB (1024 * SETTINGS_MIB)

static int parse(const char *text, struct settings *s, struct error *e)
{
	*s = (struct settings){ .cpus = 1, .memory = GIB };
	error_clear(e);
	return settings_parse(text, strlen(text), s, e);
}

static void test_refused(void)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{ "", "" },
		{ "[]", "no object" },
		{ "{\"cpus\": 0}", "cpus" },
		{ "{\"cpus\": -1}", "cpus" },
		{ "{\"cpus\": 1.5}", "cpus" },
		{ "{\"cpus\": \"2\"}", "cpus" },
		{ "{\"memory\": 1048577}", "memory" },
		{ "{\"memory\": 99999999999999999999}", "memory" },
		{ "{\"disk\": 1}", "disk" },
		{ "{\"networking\": 1}", "networking" },
		{ "{\"template\": \"a\\u0000b\"}", "template" },
		{ "{\"publish\": {}}", "publish" },
		{ "{\"publish\": [1]}", "publish" },
		{ "{\"options\": \"--accel\"}", "options" },
		{ "{\"context\": 1}", "context" },
		{ "{\"cpus\": 1", "" },
	};

	for (size_t i = 0; i < array_len(cases); i++) {
		_cleanup_settings_ struct settings s;
		_cleanup_error_ struct error e = { 0 };

		ok(parse(cases[i].text, &s, &e) < 0 && strstr(error_text(&e), cases[i].says), "refused: %s",
		   cases[i].text);
	}
}

static void test_round(void)
{
	_cleanup_settings_ struct settings s = { 0 }, again = { 0 };
	_cleanup_error_ struct error e = { 0 };
	_cleanup_buf_ struct buf text = { 0 };

	ok(parse("{\"cpus\": 2, \"memory\": 2147483648, \"disk\": 1048576, \"networking\": \"vpnkit\", \"publish\": "
		 "[\"80:80\", \"53:53/udp\"], \"options\": [\"--accel=tcg\"], \"template\": \"./a b.yml\", "
		 "\"context\": "
		 "true, \"of-tomorrow\": {}}",
		 &s, &e) == 0,
	   "settings are read");
	ok(s.cpus == 2 && s.memory == 2 * GIB && s.disk == SETTINGS_MIB && s.context, "numbers");
	ok(str_eq(s.networking, "vpnkit") && str_eq(s.template, "./a b.yml"), "texts");
	ok(strv_len(s.publish) == 2 && str_eq(s.publish[1], "53:53/udp") && strv_len(s.options) == 1, "lists");
	ok(settings_write(&s, &text, &e) == 0 && parse(buf_text(&text), &again, &e) == 0, "written, and read again");
	ok(again.cpus == s.cpus && again.memory == s.memory && again.disk == s.disk && again.context &&
		   str_eq(again.networking, s.networking) && str_eq(again.publish[1], s.publish[1]) &&
		   str_eq(again.options[0], s.options[0]),
	   "are the same");
	settings_clear(&again);
	ok(parse("{}", &again, &e) == 0 && again.cpus == 1 && again.memory == GIB && !again.disk && !again.publish,
	   "what is not there keeps its value");
}

static void test_sizes(void)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} cases[] = { { 0, "0M" },   { SETTINGS_MIB, "1M" },   { GIB - SETTINGS_MIB, "1023M" },
		      { GIB, "1G" }, { 3 * GIB / 2, "1536M" }, { 2048 * GIB, "2048G" } };
	char text[32];

	for (size_t i = 0; i < array_len(cases); i++) {
		settings_size_text(cases[i].bytes, text, sizeof(text));
		ok(str_eq(text, cases[i].text), "%s", cases[i].text);
	}
}

int main(void)
{
	test_refused();
	test_round();
	test_sizes();
	return tap_done();
}
