#include "spec_private.h"

#include <errno.h>
#include <string.h>

#include "fields_private.h"
#include "str.h"

#define PATH_DEFAULT "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static bool name_among(const struct jsonr *key, const char *const *names)
{
	for (; *names; names++)
		if (jsonr_is(key, *names))
			return true;
	return false;
}

int spec_members_write(struct jsonw *w, const struct jsonr *object, const char *const *without, struct error *err)
{
	struct jsonr_iter it = jsonr_iter(object);
	struct jsonr key, value;

	while (jsonr_member(&it, &key, &value)) {
		_cleanup_free_ char *name = NULL;

		if (name_among(&key, without))
			continue;
		if (field_text_copy(&key, "a name", &name, err) < 0)
			return -1;
		jsonw_raw(w, name, value.start, value.len);
	}
	return 0;
}

/* Whether one of `env` has the same name as this variable. */
static bool env_names(char *const *env, const char *variable)
{
	size_t n = strcspn(variable, "=");

	for (; env && *env; env++)
		if (strncmp(*env, variable, n) == 0 && (*env)[n] == '=')
			return true;
	return false;
}

int spec_env_write(struct jsonw *w, const struct jsonr *process, char *const *env, struct error *err)
{
	struct jsonr old = jsonr_get(process, "env"), v;
	struct jsonr_iter it = jsonr_iter(&old);
	bool path = env_names(env, "PATH=");

	if (old.type != JSONR_NONE && old.type != JSONR_ARRAY) {
		jsonw_raw(w, "env", old.start, old.len);
		return 0;
	}
	jsonw_list(w, "env");
	while (jsonr_element(&it, &v)) {
		_cleanup_free_ char *text = jsonr_text(&v);

		if (!text && errno == ENOMEM)
			return error_set(err, ENOMEM, "process.env");
		path |= text && str_starts(text, "PATH=");
		if (!text || !env_names(env, text))
			jsonw_raw(w, NULL, v.start, v.len);
	}
	if (!path)
		jsonw_string(w, NULL, PATH_DEFAULT);
	for (; env && *env; env++)
		jsonw_string(w, NULL, *env);
	jsonw_end(w);
	return 0;
}

void spec_oom_score_write(struct jsonw *w, const struct jsonr *process)
{
	struct jsonr score = jsonr_get(process, "oomScoreAdj");

	if (score.type == JSONR_NONE)
		jsonw_int(w, "oomScoreAdj", 0);
	else
		jsonw_raw(w, "oomScoreAdj", score.start, score.len);
}
