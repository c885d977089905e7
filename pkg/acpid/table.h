/* Which event means what, and which hook it runs: acpid's map and action files, in the format of busybox's acpid.
 *
 * A map file (acpi.map) has a line an event: TYPE HEX-TYPE CODE DECIMAL-CODE VALUE DESCRIPTION, such as
 * "EV_KEY 0x01 KEY_POWER 116 1 button/power PWRF 00000080"; the two names are for people. An action file (acpid.conf)
 * has a line an action: WORD PATH; the first whose WORD is in an event's description counts, and PATH is below the
 * folder of hooks. '#' begins a comment. What such a file has comes in the place of the built-in rows. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "error.h"

struct event_row {
	uint16_t type, code; /* linux/input.h: EV_KEY, KEY_POWER */
	int32_t value;       /* 1: pressed, closed */
	char *description;   /* "button/power PWRF 00000080" */
};

struct action_row {
	char *word, *path;
};

struct table {
	struct event_row *events;
	size_t event_count;
	struct action_row *actions;
	size_t action_count;
};

void table_clear(struct table *t);
#define _cleanup_table_ _cleanup_(table_clear)

/* The built-in rows: power and sleep keys, and the lid. */
int table_events_default(struct table *t, struct error *err);
int table_actions_default(struct table *t, struct error *err);

/* A file's text. -1: the message names the line. */
int table_events_parse(struct table *t, const char *text, size_t n, struct error *err);
int table_actions_parse(struct table *t, const char *text, size_t n, struct error *err);

/* The place of an event of an input device among `events`; -1: of no interest. */
ssize_t table_event(const struct table *t, uint16_t type, uint16_t code, int32_t value);

/* The same for a line in the form of /proc/acpi/event, "button/power PWRF 00000080 00000001", whose last word is a
 * count. */
ssize_t table_event_text(const struct table *t, const char *line);

/* The hook of a description, relative to the folder of hooks; NULL: none. */
const char *table_action(const struct table *t, const char *description);
