/* What blkid prints about disks that others have written: values end up as names of links, and in messages. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "links.h"
#include "probe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	_cleanup_error_ struct error err = { 0 };
	char *text = malloc(n + 1);
	struct probe *found;
	size_t count;

	if (!text)
		return 0;
	memcpy(text, data, n);
	text[n] = '\0';
	if (probe_parse(text, &found, &count, &err) < 0)
		abort();
	for (size_t i = 0; i < count; i++) {
		char *what = probe_text(&found[i]), *name = found[i].label ? links_encode(found[i].label) : NULL;

		if (!found[i].device || !what || (name && strchr(name, '/')))
			abort();
		free(what);
		free(name);
	}
	probes_free(found, count);
	free(text);
	return 0;
}
