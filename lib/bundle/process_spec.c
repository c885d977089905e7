#include "process_spec.h"

#include <errno.h>

#include "fields_private.h"
#include "spec_private.h"

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
		jsonw_raw(w, "bounding", bounding.start, bounding.len);
	jsonw_end(w);
}

static int process_write(struct jsonw *w, const struct jsonr *process, const struct process_change *c,
			 struct error *err)
{
	/* A terminal's size is the caller's to set. */
	static const char *const without[] = { "terminal", "consoleSize", "args",         "commandLine", "env",
					       "cwd",      "user",        "capabilities", "oomScoreAdj", NULL };
	struct jsonr cwd = jsonr_get(process, "cwd"), user = jsonr_get(process, "user");
	struct jsonr capabilities = jsonr_get(process, "capabilities");

	jsonw_object(w, NULL);
	jsonw_bool(w, "terminal", c->terminal);
	jsonw_strings(w, "args", c->args);
	if (spec_env_write(w, process, c->env, err) < 0)
		return -1;
	if (c->cwd)
		jsonw_string(w, "cwd", c->cwd);
	else if (cwd.type != JSONR_NONE)
		jsonw_raw(w, "cwd", cwd.start, cwd.len);
	if (c->user)
		user_write(w, c);
	else if (user.type != JSONR_NONE)
		jsonw_raw(w, "user", user.start, user.len);
	if (c->user && c->uid != 0)
		capabilities_write(w, &capabilities);
	else if (capabilities.type != JSONR_NONE)
		jsonw_raw(w, "capabilities", capabilities.start, capabilities.len);
	spec_oom_score_write(w, process);
	if (spec_members_write(w, process, without, err) < 0)
		return -1;
	jsonw_end(w);
	return jsonw_done(w) < 0 ? error_set(err, ENOMEM, "process") : 0;
}

int process_spec_make(const char *config, size_t n, const struct process_change *change, struct buf *out,
		      struct error *err)
{
	struct jsonw w = { .out = out, .compact = true };
	struct jsonr top, process;
	int r;

	if (fields_load(config, n, &top, err) < 0)
		return -1;
	r = field_get(&top, "process", JSONR_OBJECT, &process, err);
	if (r <= 0)
		return r < 0 ? -1 : error_set(err, 0, "process: not an object");
	return process_write(&w, &process, change, err);
}
