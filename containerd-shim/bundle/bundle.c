#include "bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "io.h"
#include "jsonr.h"
#include "jsonw.h"
#include "options.h"
#include "str.h"

enum { CONFIG_MAX = 16 << 20, SMALL_MAX = 64 << 10 };

static const char default_binary[] = "runc", default_root[] = "/run/containerd/runc";

/* First one wins, as in containerd's own shim. */
static const char *const group_annotations[] = { "io.containerd.runc.v2.group", "io.kubernetes.cri.sandbox-id" };

/* --- config.json ------------------------------------------------------------------------------------------------ */

void bundle_config_clear(struct bundle_config *c)
{
	free(c->group);
	free(c->cgroups_path);
	*c = (struct bundle_config){ 0 };
}

static bool own_pid_namespace(const struct jsonr *section)
{
	struct jsonr namespaces = jsonr_get(section, "namespaces"), ns;
	struct jsonr_iter it = jsonr_iter(&namespaces);

	while (jsonr_element(&it, &ns)) {
		struct jsonr type = jsonr_get(&ns, "type"), path = jsonr_get(&ns, "path");

		if (jsonr_is(&type, "pid") && (path.type == JSONR_NONE || jsonr_is(&path, "")))
			return true;
	}
	return false;
}

static bool has_hooks(const struct jsonr *config)
{
	static const char *const kinds[] = { "poststart", "poststop" };
	struct jsonr hooks = jsonr_get(config, "hooks");

	for (size_t i = 0; i < array_len(kinds); i++) {
		struct jsonr list = jsonr_get(&hooks, kinds[i]), hook;
		struct jsonr_iter it = jsonr_iter(&list);

		if (jsonr_element(&it, &hook))
			return true;
	}
	return false;
}

int bundle_config_parse(const char *text, size_t n, struct bundle_config *out, struct error *err)
{
	struct jsonr config, section, annotations, v;

	*out = (struct bundle_config){ 0 };
	if (jsonr_parse(text, n, &config, err) < 0)
		return -1;
	if (config.type != JSONR_OBJECT)
		return error_set(err, 0, "no JSON object");
	section = jsonr_get(&config, "linux");
	annotations = jsonr_get(&config, "annotations");
	out->own_pid_namespace = own_pid_namespace(&section);
	out->hooks = has_hooks(&config);
	v = jsonr_get(&section, "cgroupsPath");
	if (v.type == JSONR_STRING && !(out->cgroups_path = jsonr_text(&v)) && errno == ENOMEM)
		return error_set(err, ENOMEM, "cgroupsPath");
	for (size_t i = 0; i < array_len(group_annotations) && !out->group; i++) {
		v = jsonr_get(&annotations, group_annotations[i]);
		if (v.type == JSONR_STRING && !(out->group = jsonr_text(&v)) && errno == ENOMEM) {
			bundle_config_clear(out);
			return error_set(err, ENOMEM, "annotations");
		}
	}
	return 0;
}

int bundle_config_read(const char *bundle, struct bundle_config *out, struct error *err)
{
	_cleanup_free_ char *path = str_format("%s/config.json", bundle);
	_cleanup_buf_ struct buf text = { 0 };

	*out = (struct bundle_config){ 0 };
	if (!path)
		return error_set(err, ENOMEM, "%s", bundle);
	if (file_read(path, CONFIG_MAX, &text, err) < 0)
		return -1;
	if (bundle_config_parse(buf_text(&text), text.len, out, err) < 0)
		return error_wrap(err, "%s", path);
	return 0;
}

int bundle_save(const char *bundle, const char *name, const void *data, size_t n, struct error *err)
{
	_cleanup_free_ char *path = str_format("%s/%s", bundle, name);
	/* Not file_write(): the bundle is gone when the machine is, so there is no use in fsync. */
	_cleanup_close_ int fd = path ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600) : -1;

	if (fd < 0 || io_write(fd, data, n) < 0)
		return error_set(err, path ? errno : ENOMEM, "%s/%s", bundle, name);
	return 0;
}

int bundle_replace(const char *bundle, const char *name, const void *data, size_t n, struct error *err)
{
	_cleanup_free_ char *path = str_format("%s/%s", bundle, name), *beside = str_format(".%s.new", name);
	_cleanup_free_ char *from = beside ? str_format("%s/%s", bundle, beside) : NULL;

	if (!path || !from)
		return error_set(err, ENOMEM, "%s/%s", bundle, name);
	if (bundle_save(bundle, beside, data, n, err) < 0)
		return -1;
	if (rename(from, path) == 0)
		return 0;
	error_set(err, errno, "%s", path);
	unlink(from);
	return -1;
}

/* --- options ------------------------------------------------------------------------------------------------------ */

void bundle_options_clear(struct bundle_options *o)
{
	free(o->binary);
	free(o->root);
	free(o->criu_work_path);
	*o = (struct bundle_options){ 0 };
}

static int options_set(struct bundle_options *o, const char *binary, const char *root, const char *criu_work_path,
		       const char *namespace, struct error *err)
{
	o->binary = strdup(binary && *binary ? binary : default_binary);
	o->root = str_format("%s/%s", root && *root ? root : default_root, namespace);
	o->criu_work_path = strdup(criu_work_path ? criu_work_path : "");
	if (o->binary && o->root && o->criu_work_path)
		return 0;
	bundle_options_clear(o);
	return error_set(err, ENOMEM, "runtime options");
}

int bundle_options_read(const Google__Protobuf__Any *any, const char *namespace, struct bundle_options *out,
			char ***unknown, struct error *err)
{
	_cleanup_runc_options_ runc_options *o = options_read(any, unknown, err);

	*out = (struct bundle_options){ 0 };
	if (!o)
		return -1;
	out->systemd_cgroup = o->systemd_cgroup;
	out->no_pivot_root = o->no_pivot_root;
	out->no_new_keyring = o->no_new_keyring;
	out->io_uid = o->io_uid;
	out->io_gid = o->io_gid;
	return options_set(out, o->binary_name, o->root, o->criu_work_path, namespace, err);
}

/* What options_set() made of it, taken back. */
static char *bare_root(const struct bundle_options *o)
{
	const char *slash = strrchr(o->root, '/');

	return strndup(o->root, (size_t)(slash - o->root));
}

int bundle_options_save(const char *bundle, const struct bundle_options *o, struct error *err)
{
	_cleanup_buf_ struct buf text = { 0 };
	_cleanup_free_ char *root = bare_root(o);
	struct jsonw w = { .out = &text };

	if (!root)
		return error_set(err, ENOMEM, "runtime options");
	jsonw_object(&w, NULL);
	jsonw_string(&w, "binary_name", o->binary);
	jsonw_string(&w, "root", root);
	if (o->systemd_cgroup)
		jsonw_bool(&w, "systemd_cgroup", true);
	jsonw_end(&w);
	if (jsonw_done(&w) < 0)
		return error_set(err, ENOMEM, "runtime options");
	if (bundle_save(bundle, "options.json", buf_bytes(&text), text.len, err) < 0)
		return -1;
	return bundle_save(bundle, "runtime", o->binary, strlen(o->binary), err);
}

int bundle_options_load(const char *bundle, const char *namespace, struct bundle_options *out, struct error *err)
{
	_cleanup_free_ char *path = str_format("%s/options.json", bundle), *binary = NULL, *root = NULL;
	_cleanup_buf_ struct buf text = { 0 };
	_cleanup_error_ struct error e = { 0 };
	struct jsonr doc = { 0 }, v;

	*out = (struct bundle_options){ 0 };
	if (!path)
		return error_set(err, ENOMEM, "%s", bundle);
	if (file_read(path, SMALL_MAX, &text, &e) < 0 && e.code != ENOENT)
		return error_move(err, &e);
	/* A shim that was killed may have left half a file: what it would have said are the defaults or lost. */
	if (text.len > 0)
		(void)jsonr_parse(buf_text(&text), text.len, &doc, NULL);
	v = jsonr_get(&doc, "binary_name");
	binary = jsonr_text(&v);
	v = jsonr_get(&doc, "root");
	root = jsonr_text(&v);
	v = jsonr_get(&doc, "systemd_cgroup");
	out->systemd_cgroup = v.type == JSONR_TRUE;
	return options_set(out, binary, root, NULL, namespace, err);
}
