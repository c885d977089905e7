/* What builders are called, and called with. */
#include "builder_private.h"
#include "str.h"

const char *const builder_names[BUILDER_COUNT + 1] = {
	[BUILDER_BUILDAH] = "buildah",
	[BUILDER_DOCKER] = "docker",
	[BUILDER_BUILDCTL] = "buildctl",
};

int argv_add_pairs(char ***argv, const char *option, const char *prefix, char *const *pairs)
{
	size_t i;

	for (i = 0; pairs && pairs[i]; i++)
		if (strv_add(argv, option) < 0 || strv_addf(argv, "%s%s", prefix, pairs[i]) < 0)
			return -1;
	return 0;
}
