#include "ending.h"

#include <stdio.h>
#include <string.h>

/* A guest that resets so often without a word will go on doing so. */
enum { MUTE_MAX = 8, RESETS_MAX = 200, RESET_APART_US = 200000 };

static void reason_take(char out[ENDING_LINE], const char *line, const char *words)
{
	const char *at = strstr(line, words);

	if (!at || out[0])
		return;
	snprintf(out, ENDING_LINE, "%s", at + strlen(words));
	for (char *p = out; *p; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
}

static void line_end(struct ending *e)
{
	e->line[e->len] = '\0';
	e->len = 0;
	reason_take(e->failure, e->line, "init: this machine is not set up: ");
	reason_take(e->panic, e->line, "Kernel panic - not syncing: ");
}

void ending_feed(struct ending *e, const uint8_t *bytes, size_t n)
{
	if (n > 0)
		e->said = true;
	for (size_t i = 0; i < n; i++) {
		if (bytes[i] == '\n' || bytes[i] == '\r')
			line_end(e);
		else if (e->len < ENDING_LINE - 1)
			e->line[e->len++] = bytes[i] ? (char)bytes[i] : '?';
	}
}

/* One reset of a guest is up to three of the machine: SeaBIOS, which finds that it has run before, resets it once more,
 * by two means one after the other. On a busy host QEMU takes the second of them for one that came later, when the
 * firmware has begun, and it all begins again, several times in a row; these resets follow at once, sooner than a guest
 * starts. So they are not counted, but for a bound that no machine comes to in this way. */
bool ending_reset(struct ending *e, uint64_t now)
{
	unsigned resets = e->said ? 0 : e->resets + 1;
	unsigned mute = e->said ? 0 : e->mute + (now - e->last >= RESET_APART_US);

	if (e->panic[0] || mute >= MUTE_MAX || resets >= RESETS_MAX)
		return false;
	*e = (struct ending){ .resets = resets, .mute = mute, .last = now };
	return true;
}
