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

/* How many resets a machine may have, one each so many microseconds, when it never says a word. */
static unsigned resets_taken(uint64_t apart)
{
	struct ending e = { 0 };
	unsigned n = 0;

	while (n < 1000 && ending_reset(&e, n * apart))
		n++;
	return n;
}

static void resets(void)
{
	struct ending e = { 0 };
	uint64_t now = 0;

	ok(resets_taken(1000000) == 8, "a guest that resets each second without a word is given up");
	ok(resets_taken(50000) == 199, "the firmware's own resets are no guest's, up to a bound");
	for (unsigned n = 0; n < 20; n++, now += 1000000) {
		feed(&e, "x", 1);
		if (!ending_reset(&e, now))
			break;
	}
	ok(now == 20000000, "one that speaks resets as often as it likes");
	feed(&e, "Kernel panic - not syncing: lost\n", 40);
	ok(!ending_reset(&e, now) && str_eq(e.panic, "lost"), "but not when its kernel has panicked");
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
	ok(ending_reset(&e, 0), "a machine that has said something may start anew");
	ok(!e.said && !e.failure[0] && !e.panic[0], "nothing is known of a machine that starts anew");
	feed(&e, longer, 7);
	ok(strlen(e.failure) > 100 && strlen(e.failure) < ENDING_LINE, "a line without an end is cut");
	resets();
	return tap_done();
}
