#include "process_spec.h"

#include <errno.h>
#include <string.h>

#include "jsonr.h"
#include "jsonw.h"
#include "str.h"

static void process_spec_raw(struct jsonw *w, const char *key, const struct jsonr *value)
{
	jsonw_raw(w, key, value->start, value->len);
}

/* Whether one of `env` has the same name as this variable. */
static bool env_replaced(char *const *env, const char *variable)
{
	size_t n = strcspn(variable, "=");

	for (; env && *env; env++)
		if (strncmp(*env, variable, n) == 0 && (*env)[n] == '=')
			return true;
	return false;
}

static int env_write(struct jsonw *w, const struct jsonr *process, char *const *env, struct error *err)
{
	struct jsonr old = jsonr_get(process, "env"), variable;
	struct jsonr_iter it = jsonr_iter(&old);
	bool path = env_replaced(env, "PATH");

	jsonw_list(w, "env");
	while (jsonr_element(&it, &variable)) {
		_cleanup_free_ char *text = jsonr_text(&variable);

		if (!text)
			return error_set(err, errno, "process.env");
		path |= str_starts(text, "PATH=");
		if (!env_replaced(env, text))
			process_spec_raw(w, NULL, &variable);
	}
	if (!path)
		jsonw_string(w, NULL, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	for (; env && *env; env++)
		jsonw_string(w, NULL, *env);
	jsonw_end(w);
	return 0;
}

static void user_write(struct jsonw *w, const struct process_change *c)
{
	jsonw_object(w, "user");
	jsonw_uint(w, "uid", c->uid);
	jsonw_uint(w, "gid", c->gid);
	jsonw_list(w, "additionalGids");
	for (size_t i = 0; i < c->group_count; i++)
		jsonw_uint(w, NULL, c->groups[i]);
	jsonw_end(w);
	jsonw_end(w);
}

/* What may never be had stays so, and nothing of it is had. */
static void capabilities_write(struct jsonw *w, const struct jsonr *capabilities)
{
	struct jsonr bounding = jsonr_get(capabilities, "bounding");

	jsonw_object(w, "capabilities");
	if (bounding.type == JSONR_ARRAY)
		process_spec_raw(w, "bounding", &bounding);
	jsonw_end(w);
}

static int process_write(struct jsonw *w, const struct jsonr *process, const struct process_change *c,
			 struct error *err)
{
	static const char *const kept[] = { "rlimits",      "noNewPrivileges", "apparmorProfile", "oomScoreAdj",
					    "selinuxLabel", "ioPriority",      "execCPUAffinity", "scheduler" };
	struct jsonr cwd = jsonr_get(process, "cwd"), user = jsonr_get(process, "user"), value;
	struct jsonr capabilities = jsonr_get(process, "capabilities");

	jsonw_object(w, NULL);
	jsonw_bool(w, "terminal", c->terminal);
	jsonw_strings(w, "args", c->args);
	if (env_write(w, process, c->env, err) < 0)
		return -1;
	if (c->cwd)
		jsonw_string(w, "cwd", c->cwd);
	else if (cwd.type != JSONR_NONE)
		process_spec_raw(w, "cwd", &cwd);
	if (c->user)
		user_write(w, c);
	else if (user.type != JSONR_NONE)
		process_spec_raw(w, "user", &user);
	if (c->user && c->uid != 0)
		capabilities_write(w, &capabilities);
	else if (capabilities.type != JSONR_NONE)
		process_spec_raw(w, "capabilities", &capabilities);
	for (size_t i = 0; i < array_len(kept); i++) {
		value = jsonr_get(process, kept[i]);
		if (value.type != JSONR_NONE)
			process_spec_raw(w, kept[i], &value);
	}
	jsonw_end(w);
	return jsonw_done(w) < 0 ? error_set(err, ENOMEM, "process") : 0;
}

int process_spec_make(const char *config, size_t n, const struct process_change *change, struct buf *out,
		      struct error *err)
{
	struct jsonw w = { .out = out };
	struct jsonr top, process;

	if (jsonr_parse(config, n, &top, err) < 0)
		return -1;
	process = jsonr_get(&top, "process");
	if (process.type != JSONR_OBJECT)
		return error_set(err, 0, "process: not an object");
	return process_write(&w, &process, change, err);
}
