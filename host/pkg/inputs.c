/* One digest over all that an image is made of: a change of any of it gives another tag. */
#include "inputs.h"

#include <errno.h>

#include "buf.h"
#include "digest.h"
#include "sources.h"
#include "str.h"
#include "walk.h"

/* Changes when the same inputs make another image. */
#define FORMAT "pith package 3"

static int add_entry(void *data, const struct walk_entry *e, struct error *err)
{
	char hex[DIGEST_HEX] = "-";

	if (e->type == WALK_FILE && digest_file(e->host, hex, err) < 0)
		return -1;
	if (buf_addf(data, "%d %o %s %s ", e->type, e->mode, hex, e->target ? e->target : "-") < 0 ||
	    buf_add(data, e->path, strlen(e->path) + 1) < 0)
		return error_set(err, ENOMEM, "%s", e->host);
	return 0;
}

static int add_sources(struct buf *text, const struct recipe *r, struct error *err)
{
	const struct node *files = node_field(r->root, RECIPE_FILES);
	size_t i;

	for (i = 0; files && i < files->count; i++) {
		const char *source = node_text(files->items[i], PKG_FILE_SOURCE);
		_cleanup_free_ char *host = source ? source_find(r, source, err) : NULL;

		if (!source)
			continue;
		if (!host || walk_host(host, add_entry, text, err) < 0)
			return error_wrap(err, "files: %s", node_text(files->items[i], PKG_FILE_PATH));
	}
	return 0;
}

char *inputs_hash(const struct package *p, struct error *err)
{
	_cleanup_(buf_free) struct buf text = { 0 };
	char hex[DIGEST_HEX];
	size_t i;
	/* Not the platform: the images of all platforms share a name, unless they are made of different things. */
	int failed = buf_addf(&text, FORMAT "\n%zu\n", p->recipe.file.len);

	failed |= buf_add(&text, p->recipe.file.text, p->recipe.file.len);
	for (i = 0; i < p->debs.count; i++) {
		const struct control *c = &p->debs.list[i].control;

		failed |= buf_addf(&text, "%s %s %s\n", c->name, c->version, c->sha256);
	}
	if (!failed && add_sources(&text, &p->recipe, err) < 0)
		return NULL;
	if (failed || digest_bytes(buf_bytes(&text), text.len, hex) < 0) {
		error_set(err, ENOMEM, "hash of the inputs");
		return NULL;
	}
	return strndup(hex, 40);
}
