#include "fields_private.h"

#include <errno.h>
#include <stdlib.h>

#include "oci_file.h"
#include "str.h"

int fields_load(const void *json, size_t n, struct jsonr *root, struct error *err)
{
	if (n > OCI_FILE_MAX)
		return error_set(err, EFBIG, "more than %zu bytes", OCI_FILE_MAX);
	if (jsonr_parse(json, n, root, err) < 0)
		return -1;
	return root->type == JSONR_OBJECT ? 0 : error_set(err, 0, "not a JSON object");
}

/* 1: a value of this type is there, 0: none, -1: one of another type. */
int field_get(const struct jsonr *object, const char *name, enum jsonr_type type, struct jsonr *out, struct error *err)
{
	const char *what = type == JSONR_STRING ? "a string" : type == JSONR_ARRAY ? "a list" : "an object";

	*out = jsonr_get(object, name);
	if (out->type == JSONR_NONE)
		return 0;
	return out->type == type ? 1 : error_set(err, 0, "%s: not %s", name, what);
}

int field_text_copy(const struct jsonr *value, const char *name, char **out, struct error *err)
{
	*out = jsonr_text(value);
	if (*out)
		return 0;
	return errno == ENOMEM ? error_set(err, ENOMEM, "%s", name) : error_set(err, 0, "%s: a zero byte in it", name);
}

/* A string; absent and empty ones are both NULL. */
int field_text(const struct jsonr *object, const char *name, char **out, struct error *err)
{
	struct jsonr v;
	int r = field_get(object, name, JSONR_STRING, &v, err);

	return r > 0 && !jsonr_is(&v, "") ? field_text_copy(&v, name, out, err) : r < 0 ? -1 : 0;
}

int field_bool(const struct jsonr *object, const char *name, bool *out, struct error *err)
{
	struct jsonr v = jsonr_get(object, name);

	*out = v.type == JSONR_TRUE;
	if (v.type == JSONR_NONE || v.type == JSONR_TRUE || v.type == JSONR_FALSE)
		return 0;
	return error_set(err, 0, "%s: not a boolean", name);
}

int field_texts(const struct jsonr *object, const char *name, char ***out, struct error *err)
{
	struct jsonr list, v;
	struct jsonr_iter it;

	if (field_get(object, name, JSONR_ARRAY, &list, err) < 0)
		return -1;
	it = jsonr_iter(&list);
	for (size_t i = 0; jsonr_element(&it, &v); i++) {
		char *text = NULL;

		if (v.type != JSONR_STRING)
			return error_set(err, 0, "%s[%zu]: not a string", name, i);
		if (field_text_copy(&v, name, &text, err) < 0)
			return -1;
		if (strv_take(out, text) < 0)
			return error_set(err, ENOMEM, "%s", name);
	}
	return 0;
}

static size_t elements_count(const struct jsonr *list)
{
	struct jsonr_iter it = jsonr_iter(list);
	struct jsonr v;
	size_t n = 0;

	while (jsonr_element(&it, &v))
		n++;
	return n;
}

/* A list of objects, each read by `read` into one element of a new array. */
int field_objects(const struct jsonr *object, const char *name, size_t size, void **out, size_t *count,
		  int (*read)(const struct jsonr *, void *, struct error *), struct error *err)
{
	struct jsonr list, v;
	struct jsonr_iter it;
	size_t n;

	if (field_get(object, name, JSONR_ARRAY, &list, err) < 0)
		return -1;
	n = elements_count(&list);
	if (n == 0)
		return 0;
	*out = calloc(n, size);
	if (!*out)
		return error_set(err, ENOMEM, "%s", name);
	/* Counted first: what is read so far is then freed on failure. */
	*count = n;
	it = jsonr_iter(&list);
	for (size_t i = 0; jsonr_element(&it, &v); i++) {
		if (v.type != JSONR_OBJECT)
			return error_set(err, 0, "%s[%zu]: not an object", name, i);
		if (read(&v, (char *)*out + i * size, err) < 0)
			return error_wrap(err, "%s[%zu]", name, i);
	}
	return 0;
}
