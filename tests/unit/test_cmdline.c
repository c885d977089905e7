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

int main(void)
{
	size_t i;

	for (i = 0; i < array_len(rows); i++)
		ok(cmdline_has(rows[i].text, rows[i].word) == rows[i].has, "\"%s\" %s it", rows[i].text,
		   rows[i].has ? "has" : "does not have");
	return tap_done();
}
