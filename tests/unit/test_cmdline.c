/* Switches on the kernel's command line. */
#include "cmdline.h"

#include "str.h"
#include "tap.h"

static const struct {
	const char *text, *word;
	bool has;
} rows[] = {
	{ "quiet pith.debug=1 ro\n", "pith.debug=1", true },
	{ "pith.debug=1", "pith.debug=1", true },
	{ "ro pith.debug=1\n", "pith.debug=1", true },
	{ "\t pith.debug=1  ", "pith.debug=1", true },
	{ "pith.debug=10", "pith.debug=1", false },
	{ "xpith.debug=1", "pith.debug=1", false },
	{ "pith.debug", "pith.debug=1", false },
	{ "", "pith.debug=1", false },
	{ " \n", "pith.debug=1", false },
};

static const struct {
	const char *text, *value;
} values[] = {
	{ "quiet pith.idle=30 ro\n", "30" },
	{ "pith.idle=1 pith.idle=2", "2" },
	{ "pith.idle=", "" },
	{ "pith.idle xpith.idle=1 pith.idles=1", NULL },
	{ "", NULL },
};

static void test_values(void)
{
	for (size_t i = 0; i < array_len(values); i++) {
		_cleanup_free_ char *value = cmdline_value(values[i].text, "pith.idle");

		ok(values[i].value ? value && str_eq(value, values[i].value) : !value, "\"%s\" says %s", values[i].text,
		   values[i].value ? values[i].value : "nothing");
	}
}

int main(void)
{
	size_t i;

	test_values();

	for (i = 0; i < array_len(rows); i++)
		ok(cmdline_has(rows[i].text, rows[i].word) == rows[i].has, "\"%s\" %s it", rows[i].text,
		   rows[i].has ? "has" : "does not have");
	return tap_done();
}
