/* The label org.mobyproject.config of an image: a container's entry that is not in the YAML. */
#include <stdlib.h>
#include <string.h>

#include "parse.h"
#include "spec.h"
#include "str.h"

static struct text_file *label_file(struct config *c, const char *text, const char *image)
{
	_cleanup_free_ char *name = str_format("label org.mobyproject.config of %s", image);

	return name ? config_add_text(c, name, strdup(text), strlen(text)) : NULL;
}

const struct node *spec_label(struct config *c, const char *text, const char *image, const struct where *where)
{
	struct text_file *f = label_file(c, text, image);
	static const size_t none_of[] = { CONTAINER_NAME, CONTAINER_IMAGE };
	size_t before = c->diags.errors, i;
	struct node *n;

	if (!f) {
		diag_error(&c->diags, (struct position){ 0 }, where, "no memory");
		return NULL;
	}
	n = yaml_parse(f, &c->arena, &c->diags);
	if (!n || !schema_check(n, &label_record, where, &c->arena, &c->diags))
		return NULL;
	for (i = 0; i < array_len(none_of); i++) {
		const struct node *v = node_field(n, none_of[i]);

		if (v && v->len)
			diag_error(&c->diags, v->at, where, "a label cannot set \"%s\"",
				   label_record.fields[none_of[i]].key);
	}
	return c->diags.errors > before ? NULL : n;
}
