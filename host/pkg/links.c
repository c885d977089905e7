/* Links of build.yml that lead nowhere. Only a package that is run as a container is complete by itself: the links of
 * an init image lead to files of another one. */
#include <stdlib.h>
#include <string.h>

#include "fields.h"
#include "log.h"
#include "package_private.h"
#include "str.h"

/* Below these a running machine puts what an image cannot have. */
static bool link_is_later(const char *target)
{
	static const char *const later[] = { "/dev/", "/proc/", "/run/", "/sys/", "/tmp/", "/var/run/" };
	size_t i;

	for (i = 0; i < array_len(later); i++)
		if (str_starts(target, later[i]))
			return true;
	return false;
}

static bool package_is_container(const struct package *p)
{
	const struct node *root = p->recipe.root;

	return node_field(root, RECIPE_CMD) || node_field(root, RECIPE_ENTRYPOINT) || node_field(root, RECIPE_CONFIG);
}

/* "bin/ls" of "bin/{ls,cat}", whose links are alike. Caller frees; NULL without memory. */
static char *file_first_path(const char *path)
{
	const char *open = strchr(path, '{'), *close = open ? strchr(open, '}') : NULL;

	return close
		? str_format("%.*s%.*s%s", (int)(open - path), path, (int)strcspn(open + 1, ",}"), open + 1, close + 1)
		: strdup(path);
}

void package_check_links(const struct package *p, const struct tree *t)
{
	const struct node *files = node_field(p->recipe.root, RECIPE_FILES);
	size_t i;

	for (i = 0; package_is_container(p) && files && i < files->count; i++) {
		const struct node *n = files->items[i];
		const char *path = node_text(n, PKG_FILE_PATH), *target = node_text(n, PKG_FILE_SYMLINK);
		_cleanup_free_ char *one = target ? file_first_path(path) : NULL;

		if (one && !link_is_later(target) && !tree_resolve(t, "", one))
			log_warn("%s:%u:%u: files[%zu] \"%s\": the link leads to %s, which the package does not have",
				 n->at.file->name, n->at.line, n->at.column, i, path, target);
	}
}
