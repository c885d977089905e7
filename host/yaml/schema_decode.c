/* Values as a decoder without a schema takes them: schema_decode() turns them into what the check then expects. */
#include <math.h>
#include <string.h>

#include "schema_private.h"
#include "str.h"

static bool is_any(const char *s, const char *const *words)
{
	for (; *words; words++)
		if (str_eq(s, *words))
			return true;
	return false;
}

/* YAML 1.1's other booleans, also in quotes; the words are not those of is_yes(): upper and lower case count. */
static void decode_bool(struct node *n)
{
	static const char *const yes[] = { "y", "Y", "yes", "Yes", "YES", "on", "On", "ON", NULL };
	static const char *const no[] = { "n", "N", "no", "No", "NO", "off", "Off", "OFF", NULL };

	if (n->kind != NODE_STRING || strlen(n->text) != n->len || (!is_any(n->text, yes) && !is_any(n->text, no)))
		return;
	n->boolean = is_any(n->text, yes);
	n->kind = NODE_BOOL;
}

void decode_text(struct node *n)
{
	if (n->kind > NODE_NULL && n->kind < NODE_LIST)
		n->kind = NODE_STRING;
}

void value_decode(struct node *n, enum field_type type)
{
	switch (type) {
	case FIELD_BOOL:
		decode_bool(n);
		break;
	case FIELD_STRING:
		decode_text(n);
		break;
	case FIELD_INT:
		if (n->kind == NODE_FLOAT && isfinite(n->real))
			n->real = trunc(n->real);
		break;
	default:
		break;
	}
}
