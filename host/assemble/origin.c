/* Where what is added comes from. */
#include <errno.h>
#include <string.h>

#include "assemble_private.h"

int origin_begin(struct assembly *a, const char *source, const char *section, size_t i, struct error *err)
{
	_cleanup_free_ char *place = i == ORIGIN_SECTION ? strdup(section) : str_format("%s[%zu]", section, i);

	if (!place)
		return error_set(err, ENOMEM, "%s", section);
	return tree_set_origin(a->tree, source, place, err);
}
