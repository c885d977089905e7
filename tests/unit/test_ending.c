/* What `pith run` reads off a console about a machine's end. */
#include "ending.h"
#include "str.h"
#include "tap.h"

static void feed(struct ending *e, const char *text, size_t piece)
{
	size_t n = strlen(text);

	for (size_t at = 0; at < n; at += piece)
		ending_feed(e, (const uint8_t *)text + at, piece < n - at ? piece : n - at);
}

int main(void)
{
	static const struct {
		const char *text, *failure, *panic;
	} rows[] = {
		{ "", "", "" },
		{ "hello\r\n", "", "" },
		{ "[    0.412345] init: this machine is not set up: rc.init failed, exit status 7\r\n",
		  "rc.init failed, exit status 7", "" },
		{ "[    0.4] Kernel panic - not syncing: No working init found.  Try passing init= option to "
		  "kernel.\r\n",
		  "", "No working init found.  Try passing init= option to kernel." },
		{ "init: this machine is not set up: first\ninit: this machine is not set up: second\n", "first", "" },
		{ "init: this machine is not set up: \x1b[2Jx\x80\n", "?[2Jx?", "" },
		{ "init: this machine is not set up: not ended", "", "" },
		{ "this machine is not set up: said by another\n", "", "" },
	};
	char longer[2 * ENDING_LINE] = "init: this machine is not set up: ";
	struct ending e = { 0 };

	for (size_t i = 0; i < array_len(rows); i++)
		for (size_t piece = 1; piece < 100; piece += 6) {
			e = (struct ending){ 0 };
			feed(&e, rows[i].text, piece);
			if (!str_eq(e.failure, rows[i].failure) || !str_eq(e.panic, rows[i].panic) ||
			    e.said != (rows[i].text[0] != '\0')) {
				ok(false, "row %zu in pieces of %zu: '%s' '%s'", i, piece, e.failure, e.panic);
				return tap_done();
			}
		}
	ok(true, "the lines that count, whatever the pieces they come in");
	memset(longer + strlen(longer), 'x', sizeof(longer) - strlen(longer) - 2);
	longer[sizeof(longer) - 2] = '\n';
	longer[sizeof(longer) - 1] = '\0';
	feed(&e, longer, 7);
	ending_restart(&e);
	ok(!e.said && !e.failure[0] && !e.panic[0], "nothing is known of a machine that starts anew");
	feed(&e, longer, 7);
	ok(strlen(e.failure) > 100 && strlen(e.failure) < ENDING_LINE, "a line without an end is cut");
	return tap_done();
}
