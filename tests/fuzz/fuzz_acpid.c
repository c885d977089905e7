/* acpid's map and action files, and lines of events: a hook stays below its folder. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	_cleanup_table_ struct table t = { 0 };
	_cleanup_error_ struct error err = { 0 };
	char line[256];

	if (table_events_parse(&t, (const char *)data, n, &err) < 0 && !err.msg)
		abort();
	error_clear(&err);
	if (table_actions_parse(&t, (const char *)data, n, &err) < 0 && !err.msg)
		abort();
	for (size_t i = 0; i < t.action_count; i++)
		if (t.actions[i].path[0] == '/' || strncmp(t.actions[i].path, "../", 3) == 0 ||
		    strstr(t.actions[i].path, "/../"))
			abort();
	for (size_t i = 0; i < t.event_count; i++)
		table_action(&t, t.events[i].description);
	if (n >= sizeof(line))
		n = sizeof(line) - 1;
	memcpy(line, data, n);
	line[n] = '\0';
	table_event_text(&t, line);
	return 0;
}
