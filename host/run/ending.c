#include "ending.h"

#include <stdio.h>
#include <string.h>

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

void ending_restart(struct ending *e)
{
	*e = (struct ending){ 0 };
}
