/* The kernel's command line as a boot loader gets it: one line, and no longer than all on its way take. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "media_private.h"

char *cmdline_check(const char *cmdline, struct error *err)
{
	char *line = strdup(cmdline);
	size_t n;

	if (!line) {
		error_set(err, ENOMEM, "command line");
		return NULL;
	}
	for (char *p = line; *p; p++)
		if (*p == '\n' || *p == '\r')
			*p = ' ';
	n = strlen(line);
	while (n && line[n - 1] == ' ')
		line[--n] = '\0';
	if (n <= MEDIA_CMDLINE_MAX)
		return line;
	free(line);
	error_say(err, E2BIG,
		  "the kernel's command line has %zu bytes, and boot loader and kernel take %d: shorten kernel.cmdline",
		  n, MEDIA_CMDLINE_MAX);
	return NULL;
}
