/* The capabilities of a container: a list of names, "all" or "none". */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "capability_names.h"
#include "spec_private.h"
#include "str.h"

static const char *capability_at(size_t i, const void *data)
{
	(void)data;
	return capability_names[i];
}

static int capability_find(const char *name)
{
	int i;

	for (i = 0; i < CAPABILITIES; i++)
		if (str_eq(capability_names[i], name))
			return i;
	return -1;
}

/* The capabilities of a list, in its order and each once; the count. */
static size_t capability_list(struct spec_builder *b, const struct texts *t, int list[static CAPABILITIES])
{
	size_t n = texts_count(t), count = 0, i;
	uint64_t seen = 0;

	if (n == 1 && strcasecmp(texts_at(t, 0)->text, "none") == 0)
		return 0;
	if (n == 1 && strcasecmp(texts_at(t, 0)->text, "all") == 0) {
		for (count = 0; count < CAPABILITIES; count++)
			list[count] = (int)count;
		return count;
	}
	for (i = 0; i < n; i++) {
		const struct node *at = texts_at(t, i);
		int cap = capability_find(at->text);

		if (cap < 0) {
			spec_error(b, at, NULL, "unknown capability \"%s\"", at->text);
			if (strcasecmp(at->text, "all") == 0 || strcasecmp(at->text, "none") == 0)
				diag_hint(b->diags, "\"%s\" must be the only one of the list", at->text);
			else
				diag_suggest(b->diags, at->text, capability_at, NULL);
		} else if (!(seen >> cap & 1)) {
			seen |= UINT64_C(1) << cap;
			list[count++] = cap;
		}
	}
	return count;
}

static void write_capabilities(struct spec_builder *b, const char *key, const int *list, size_t n)
{
	size_t i;

	if (!n)
		return;
	jsonw_list(&b->json, key);
	for (i = 0; i < n; i++)
		jsonw_string(&b->json, NULL, capability_names[list[i]]);
	jsonw_end(&b->json);
}

static int capability_compare(const void *pa, const void *pb)
{
	return strcmp(capability_names[*(const int *)pa], capability_names[*(const int *)pb]);
}

/* Effective are those asked for; bounding, inheritable and permitted have the ambient ones too. */
void spec_capabilities(struct spec_builder *b)
{
	struct texts caps = spec_pick_added(b, CONTAINER_CAPABILITIES, CONTAINER_CAPABILITIES_ADD);
	struct texts wanted_ambient = spec_pick_texts(b, CONTAINER_AMBIENT);
	int effective[CAPABILITIES], ambient[CAPABILITIES], bounding[2 * CAPABILITIES];
	size_t n = capability_list(b, &caps, effective), m = capability_list(b, &wanted_ambient, ambient), all, i, k;

	memcpy(bounding, effective, n * sizeof *effective);
	for (all = n, i = 0; i < m; i++) {
		for (k = 0; k < n && effective[k] != ambient[i]; k++)
			;
		if (k == n)
			bounding[all++] = ambient[i];
	}
	qsort(bounding, all, sizeof *bounding, capability_compare);
	jsonw_object(&b->json, "capabilities");
	write_capabilities(b, "bounding", bounding, all);
	write_capabilities(b, "effective", effective, n);
	write_capabilities(b, "inheritable", bounding, all);
	write_capabilities(b, "permitted", bounding, all);
	write_capabilities(b, "ambient", ambient, m);
	jsonw_end(&b->json);
}
