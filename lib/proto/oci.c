#include "oci.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "str.h"

#define OURS "org.pith."

typedef json_t *json_ref;

static void cleanup_json(json_ref *j)
{
	json_decref(*j);
}

/* NULL for an absent or null field. */
static json_t *oci_field(json_t *object, const char *name)
{
	json_t *v = json_object_get(object, name);

	return json_is_null(v) ? NULL : v;
}

static json_t *oci_load(const void *json, size_t n, struct error *err)
{
	json_error_t why;
	json_t *root;

	if (n > OCI_FILE_MAX) {
		error_set(err, EFBIG, "more than %zu bytes", OCI_FILE_MAX);
		return NULL;
	}
	root = json_loadb(json, n, 0, &why);
	if (!root) {
		error_set(err, 0, "line %d: %s", why.line, why.text);
		return NULL;
	}
	if (!json_is_object(root)) {
		json_decref(root);
		error_set(err, 0, "not a JSON object");
		return NULL;
	}
	return root;
}

/* A string; absent and empty ones are both NULL. */
static int get_text(json_t *object, const char *name, char **out, struct error *err)
{
	json_t *v = oci_field(object, name);

	if (!v)
		return 0;
	if (!json_is_string(v))
		return error_set(err, 0, "%s: not a string", name);
	if (json_string_length(v) == 0)
		return 0;
	*out = strdup(json_string_value(v));
	return *out ? 0 : error_set(err, ENOMEM, "%s", name);
}

static int get_bool(json_t *object, const char *name, bool *out, struct error *err)
{
	json_t *v = oci_field(object, name);

	if (v && !json_is_boolean(v))
		return error_set(err, 0, "%s: not a boolean", name);
	*out = json_is_true(v);
	return 0;
}

static int get_texts(json_t *object, const char *name, char ***out, struct error *err)
{
	json_t *list = oci_field(object, name);
	size_t i;

	if (list && !json_is_array(list))
		return error_set(err, 0, "%s: not a list", name);
	for (i = 0; i < json_array_size(list); i++) {
		json_t *v = json_array_get(list, i);

		if (!json_is_string(v))
			return error_set(err, 0, "%s[%zu]: not a string", name, i);
		if (strv_add(out, json_string_value(v)) < 0)
			return error_set(err, ENOMEM, "%s", name);
	}
	return 0;
}

/* A list of objects, each read by `read` into one element of a new array. */
static int get_objects(json_t *object, const char *name, size_t size, void **out, size_t *count,
		       int (*read)(json_t *, void *, struct error *), struct error *err)
{
	json_t *list = oci_field(object, name);
	size_t i, n = json_array_size(list);

	if (list && !json_is_array(list))
		return error_set(err, 0, "%s: not a list", name);
	if (n == 0)
		return 0;
	*out = calloc(n, size);
	if (!*out)
		return error_set(err, ENOMEM, "%s", name);
	/* Counted first: what is read so far is then freed on failure. */
	*count = n;
	for (i = 0; i < n; i++) {
		json_t *v = json_array_get(list, i);

		if (!json_is_object(v))
			return error_set(err, 0, "%s[%zu]: not an object", name, i);
		if (read(v, (char *)*out + i * size, err) < 0)
			return error_wrap(err, "%s[%zu]", name, i);
	}
	return 0;
}

static int mount_read(json_t *object, void *to, struct error *err)
{
	struct oci_mount *m = to;

	if (get_text(object, "destination", &m->destination, err) < 0 ||
	    get_text(object, "source", &m->source, err) < 0 || get_text(object, "type", &m->type, err) < 0 ||
	    get_texts(object, "options", &m->options, err) < 0)
		return -1;
	return m->destination ? 0 : error_set(err, 0, "destination: missing");
}

static int interface_read(json_t *object, void *to, struct error *err)
{
	struct oci_interface *i = to;

	if (get_text(object, "name", &i->name, err) < 0 || get_text(object, "add", &i->add, err) < 0 ||
	    get_text(object, "peer", &i->peer, err) < 0 ||
	    get_bool(object, "createInRoot", &i->create_in_root, err) < 0)
		return -1;
	if (!i->name)
		return error_set(err, 0, "name: missing");
	/* Only a veth has a peer. */
	if (i->peer && !i->add && !(i->add = strdup("veth")))
		return error_set(err, ENOMEM, "add");
	if (i->add && str_eq(i->add, "veth") && !i->peer)
		return error_set(err, 0, "peer: missing for a veth");
	return 0;
}

static int bind_ns_read(json_t *root, char *out[NS_COUNT], struct error *err)
{
	json_t *object = oci_field(root, "bindNS");
	int i;

	if (!object)
		return 0;
	if (!json_is_object(object))
		return error_set(err, 0, "bindNS: not an object");
	for (i = 0; i < NS_COUNT; i++)
		if (get_text(object, ns_names[i], &out[i], err) < 0)
			return error_wrap(err, "bindNS");
	return 0;
}

int oci_runtime_parse(const void *json, size_t n, struct oci_runtime *out, struct error *err)
{
	_cleanup_(cleanup_json) json_ref root = NULL;
	struct oci_runtime r = { 0 };
	void *mounts = NULL, *interfaces = NULL;
	int result;

	*out = r;
	root = oci_load(json, n, err);
	if (!root)
		return -1;
	result = get_texts(root, "cgroups", &r.cgroups, err) < 0 ||
		get_objects(root, "mounts", sizeof(*r.mounts), &mounts, &r.mount_count, mount_read, err) < 0 ||
		get_texts(root, "mkdir", &r.mkdir, err) < 0 ||
		get_objects(root, "interfaces", sizeof(*r.interfaces), &interfaces, &r.interface_count, interface_read,
			    err) < 0 ||
		bind_ns_read(root, r.bind_ns, err) < 0 || get_text(root, "namespace", &r.containerd_namespace, err) < 0;
	r.mounts = mounts;
	r.interfaces = interfaces;
	if (result) {
		oci_runtime_clear(&r);
		return -1;
	}
	*out = r;
	return 0;
}

void oci_runtime_clear(struct oci_runtime *r)
{
	size_t i;

	strv_free(r->cgroups);
	strv_free(r->mkdir);
	for (i = 0; i < r->mount_count; i++) {
		free(r->mounts[i].destination);
		free(r->mounts[i].source);
		free(r->mounts[i].type);
		strv_free(r->mounts[i].options);
	}
	free(r->mounts);
	for (i = 0; i < r->interface_count; i++) {
		free(r->interfaces[i].name);
		free(r->interfaces[i].add);
		free(r->interfaces[i].peer);
	}
	free(r->interfaces);
	for (i = 0; i < NS_COUNT; i++)
		free(r->bind_ns[i]);
	free(r->containerd_namespace);
	*r = (struct oci_runtime){ 0 };
}

bool oci_runtime_splits_start(const struct oci_runtime *r)
{
	int i;

	for (i = 0; i < NS_COUNT; i++)
		if (r->bind_ns[i])
			return true;
	return r->interface_count > 0;
}

static int annotations_read(json_t *root, struct oci_config *c, struct error *err)
{
	json_t *object = oci_field(root, "annotations"), *value;
	const char *key;

	if (object && !json_is_object(object))
		return error_set(err, 0, "annotations: not an object");
	if (json_object_size(object) == 0)
		return 0;
	c->annotations = calloc(json_object_size(object), sizeof(*c->annotations));
	if (!c->annotations)
		return error_set(err, ENOMEM, "annotations");
	json_object_foreach (object, key, value) {
		struct oci_annotation *a = &c->annotations[c->annotation_count];

		if (!str_starts(key, OURS))
			continue;
		if (!json_is_string(value))
			return error_set(err, 0, "annotations: %s: not a string", key);
		c->annotation_count++;
		a->key = strdup(key);
		a->value = strdup(json_string_value(value));
		if (!a->key || !a->value)
			return error_set(err, ENOMEM, "annotations");
	}
	return 0;
}

static int namespaces_read(json_t *root, struct oci_config *c, struct error *err)
{
	json_t *linux_part = oci_field(root, "linux"), *list = oci_field(linux_part, "namespaces");
	size_t i;

	if ((linux_part && !json_is_object(linux_part)) || (list && !json_is_array(list)))
		return error_set(err, 0, "linux.namespaces: not a list");
	for (i = 0; i < json_array_size(list); i++) {
		json_t *ns = json_array_get(list, i), *type = oci_field(ns, "type"), *path = oci_field(ns, "path");

		if (json_is_string(type) && str_eq(json_string_value(type), "pid"))
			c->own_pid_namespace = !path || json_string_length(path) == 0;
	}
	return 0;
}

int oci_config_parse(const void *json, size_t n, struct oci_config *out, struct error *err)
{
	_cleanup_(cleanup_json) json_ref root = NULL;
	json_t *process;

	*out = (struct oci_config){ 0 };
	root = oci_load(json, n, err);
	if (!root)
		return -1;
	process = oci_field(root, "process");
	if (process && !json_is_object(process))
		return error_set(err, 0, "process: not an object");
	if (get_bool(process, "terminal", &out->terminal, err) < 0 || annotations_read(root, out, err) < 0 ||
	    namespaces_read(root, out, err) < 0) {
		oci_config_clear(out);
		return -1;
	}
	return 0;
}

void oci_config_clear(struct oci_config *c)
{
	size_t i;

	for (i = 0; i < c->annotation_count; i++) {
		free(c->annotations[i].key);
		free(c->annotations[i].value);
	}
	free(c->annotations);
	*c = (struct oci_config){ 0 };
}

const char *oci_annotation(const struct oci_config *c, const char *key)
{
	size_t i;

	for (i = 0; i < c->annotation_count; i++)
		if (str_eq(c->annotations[i].key, key))
			return c->annotations[i].value;
	return NULL;
}

/* containerd is among the last that the kernel kills, and a shim that starts the runtime as it is itself would hand
 * that on: whoever says nothing gets the plain score. -1 without memory. */
static int oom_score_plain(json_t *process)
{
	return json_is_object(process) && !json_object_get(process, "oomScoreAdj")
		? json_object_set_new(process, "oomScoreAdj", json_integer(0))
		: 0;
}

#define PATH_DEFAULT "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* Docker, ctr and CRI give a container a PATH whose image sets none, and whoever runs a further process in it expects
 * that. An environment that is no list is left to the runtime to refuse. -1 without memory. */
static int path_plain(json_t *process)
{
	json_t *env = json_object_get(process, "env"), *entry;
	size_t i;

	if (!json_is_object(process) || (env && !json_is_array(env) && !json_is_null(env)))
		return 0;
	if (!json_is_array(env)) {
		if (json_object_set_new(process, "env", json_array()) < 0)
			return -1;
		env = json_object_get(process, "env");
	}
	json_array_foreach (env, i, entry)
		if (json_is_string(entry) && str_starts(json_string_value(entry), "PATH="))
			return 0;
	return json_array_append_new(env, json_string(PATH_DEFAULT));
}

char *oci_config_with_root(const void *json, size_t n, const char *root, struct error *err)
{
	_cleanup_(cleanup_json) json_ref config = oci_load(json, n, err);
	json_t *part, *process = json_object_get(config, "process");
	char *text;

	if (!config)
		return NULL;
	part = oci_field(config, "root");
	if (!part && json_object_set_new(config, "root", json_object()) == 0)
		part = json_object_get(config, "root");
	if (!json_is_object(part)) {
		error_set(err, 0, "root: not an object");
		return NULL;
	}
	if (json_object_set_new(part, "path", json_string(root)) < 0 || oom_score_plain(process) < 0 ||
	    path_plain(process) < 0 || !(text = json_dumps(config, JSON_COMPACT))) {
		error_set(err, ENOMEM, "root.path");
		return NULL;
	}
	return text;
}

char *oci_config_process(const void *json, size_t n, char *const *argv, struct error *err)
{
	_cleanup_(cleanup_json) json_ref config = oci_load(json, n, err);
	json_t *process, *args;
	char *text = NULL;
	int r = 0;

	if (!config)
		return NULL;
	process = oci_field(config, "process");
	if (!json_is_object(process)) {
		error_set(err, 0, "process: not an object");
		return NULL;
	}
	args = json_array();
	for (; *argv; argv++)
		r |= json_array_append_new(args, json_string(*argv));
	r |= json_object_set_new(process, "args", args);
	r |= json_object_set_new(process, "terminal", json_false()) | oom_score_plain(process);
	text = r == 0 ? json_dumps(process, JSON_COMPACT) : NULL;
	if (!text)
		error_set(err, ENOMEM, "process");
	return text;
}
