/* The label that says how a container of the image runs. */
#include <jansson.h>
#include <stdlib.h>

#include "dump.h"
#include "fields.h"
#include "package_private.h"

/* The writer indents; a label is one line. */
char *package_config_label(const struct package *p)
{
	const struct node *config = node_field(p->recipe.root, RECIPE_CONFIG);
	_cleanup_(buf_free) struct buf text = { 0 };
	struct jsonw w = { .out = &text };
	json_t *parsed;
	char *line;

	node_json(&w, NULL, config, &label_record);
	if (jsonw_done(&w) < 0)
		return NULL;
	parsed = json_loadb(buf_text(&text), text.len, 0, NULL);
	/* A label has neither: they are the YAML's. */
	if (parsed) {
		json_object_del(parsed, "name");
		json_object_del(parsed, "image");
	}
	line = parsed ? json_dumps(parsed, JSON_COMPACT | JSON_PRESERVE_ORDER) : NULL;
	json_decref(parsed);
	return line;
}
