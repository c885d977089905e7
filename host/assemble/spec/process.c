/* "process" of config.json: who runs what, in which environment, with which powers and limits. */
#include <string.h>

#include "image_json.h"
#include "spec_private.h"
#include "str.h"
#include "user.h"

static uint32_t owner_id(struct spec_builder *b, const struct node *n, const char *key)
{
	struct where where = { .up = &b->where[1], .key = key };
	uint32_t id;

	if (!config_owner(b->in->config, n, key, &where, &id))
		b->good = false;
	if (b->in->image) /* not for the check before it */
		config_doubt_owner(b->in->config, n, &where);
	return id;
}

static void write_groups(struct spec_builder *b)
{
	const struct node *groups = spec_pick(b, CONTAINER_ADDITIONAL_GIDS);
	const struct image_user *user = b->in->user;
	size_t i, n = groups ? groups->count : user ? user->group_count : 0;

	if (!n)
		return;
	jsonw_list(&b->json, "additionalGids");
	for (i = 0; i < n; i++)
		jsonw_uint(&b->json, NULL, groups ? owner_id(b, groups->items[i], "additionalGids") : user->groups[i]);
	jsonw_end(&b->json);
}

/* What the entry or the label says, else the image where it is asked, else root. */
static void write_user(struct spec_builder *b)
{
	const struct node *uid = spec_pick(b, CONTAINER_UID), *gid = spec_pick(b, CONTAINER_GID);
	const struct image_user *user = b->in->user;

	jsonw_object(&b->json, "user");
	jsonw_uint(&b->json, "uid", uid || !user ? owner_id(b, uid, "uid") : user->uid);
	jsonw_uint(&b->json, "gid", gid || !user ? owner_id(b, gid, "gid") : user->gid);
	write_groups(b);
	jsonw_end(&b->json);
}

/* The program and its arguments: entrypoint and command of the image after each other where nothing else is said. The
 * first of them; NULL: there is none. */
static const char *write_args(struct spec_builder *b)
{
	const struct node *args = spec_pick(b, CONTAINER_COMMAND);
	const struct image_config *image = b->in->image;
	char *const *entrypoint = image ? image->entrypoint : NULL, *const *cmd = image ? image->cmd : NULL;
	char *const *v;

	if (args) {
		value_write_texts(b, "args", args);
		return args->count ? args->items[0]->text : NULL;
	}
	if ((!entrypoint || !*entrypoint) && (!cmd || !*cmd))
		return NULL;
	jsonw_list(&b->json, "args");
	for (v = entrypoint; v && *v; v++)
		jsonw_string(&b->json, NULL, *v);
	for (v = cmd; v && *v; v++)
		jsonw_string(&b->json, NULL, *v);
	jsonw_end(&b->json);
	return entrypoint && *entrypoint ? *entrypoint : *cmd;
}

static void process_say_no_command(struct spec_builder *b)
{
	const struct node *args = node_field(b->yaml, CONTAINER_COMMAND), *at = node_field(b->yaml, CONTAINER_IMAGE);

	diag_warning(b->diags, args ? args->at : at->at, &b->where[1],
		     args ? "there is no command, and the container cannot start"
			  : "neither the YAML nor the image has a command, and the container cannot start");
	diag_hint(b->diags, "for example `command: [\"/bin/sh\"]`");
}

static bool env_is_path(const char *text)
{
	return str_starts(text, "PATH=");
}

/* A program that is named without its directory is looked for where Docker and containerd's clients look when nothing
 * says where; LinuxKit leaves such a container without a PATH, and it cannot start. */
static void write_env(struct spec_builder *b, const char *program)
{
	const struct node *env = spec_pick(b, CONTAINER_ENV);
	const struct image_config *image = b->in->image;
	char *const *from_image = !env && image ? image->env : NULL, *const * v;
	size_t i, n = env ? env->count : strv_len(from_image);
	bool has_path = !program || strchr(program, '/');

	for (i = 0; env && i < n; i++)
		has_path |= env_is_path(env->items[i]->text);
	for (v = from_image; v && *v; v++)
		has_path |= env_is_path(*v);
	if (!n && has_path)
		return;
	jsonw_list(&b->json, "env");
	if (!has_path)
		jsonw_string(&b->json, NULL, IMAGE_DEFAULT_PATH);
	for (i = 0; i < n; i++) {
		if (env)
			jsonw_text(&b->json, NULL, env->items[i]->text, env->items[i]->len);
		else
			jsonw_string(&b->json, NULL, from_image[i]);
	}
	jsonw_end(&b->json);
}

void spec_process(struct spec_builder *b)
{
	const struct node *oom = spec_pick(b, CONTAINER_OOM_SCORE_ADJ),
			  *nnp = spec_pick(b, CONTAINER_NO_NEW_PRIVILEGES);
	const struct image_config *image = b->in->image;
	const char *program;

	jsonw_object(&b->json, "process");
	write_user(b);
	program = write_args(b);
	if (image && !program)
		process_say_no_command(b);
	write_env(b, program);
	jsonw_string(&b->json, "cwd",
		     spec_pick_text(b, CONTAINER_CWD,
				    image && image->workdir && *image->workdir ? image->workdir : "/"));
	spec_capabilities(b);
	spec_rlimits(b);
	if (nnp && nnp->boolean)
		jsonw_bool(&b->json, "noNewPrivileges", true);
	if (oom)
		jsonw_int(&b->json, "oomScoreAdj", (int64_t)node_number(oom));
	jsonw_end(&b->json);
}
