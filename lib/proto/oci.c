#include "oci.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "jsonr.h"
#include "jsonw.h"
#include "str.h"

#define OURS "org.pith."

static int oci_load(const void *json, size_t n, struct jsonr *root, struct error *err)
{
	if (n > OCI_FILE_MAX)
		return error_set(err, EFBIG, "more than %zu bytes", OCI_FILE_MAX);
	if (jsonr_parse(json, n, root, err) < 0)
		return -1;
	return root->type == JSONR_OBJECT ? 0 : error_set(err, 0, "not a JSON object");
}

/* --- fields of a known type: absent and null ones are nothing ------------------------------------------------------
 */

/* 1: a value of this type is there, 0: none, -1: one of another type. */
static int field_get(const struct jsonr *object, const char *name, enum jsonr_type type, struct jsonr *out,
		     struct error *err)
{
	const char *what = type == JSONR_STRING ? "a string" : type == JSONR_ARRAY ? "a list" : "an object";

	*out = jsonr_get(object, name);
	if (out->type == JSONR_NONE)
		return 0;
	return out->type == type ? 1 : error_set(err, 0, "%s: not %s", name, what);
}

static int text_get(const struct jsonr *value, const char *name, char **out, struct error *err)
{
	*out = jsonr_text(value);
	if (*out)
		return 0;
	return errno == ENOMEM ? error_set(err, ENOMEM, "%s", name) : error_set(err, 0, "%s: a zero byte in it", name);
}

/* A string; absent and empty ones are both NULL. */
static int field_text(const struct jsonr *object, const char *name, char **out, struct error *err)
{
	struct jsonr v;
	int r = field_get(object, name, JSONR_STRING, &v, err);

	return r > 0 && !jsonr_is(&v, "") ? text_get(&v, name, out, err) : r < 0 ? -1 : 0;
}

static int field_bool(const struct jsonr *object, const char *name, bool *out, struct error *err)
{
	struct jsonr v = jsonr_get(object, name);

	*out = v.type == JSONR_TRUE;
	if (v.type == JSONR_NONE || v.type == JSONR_TRUE || v.type == JSONR_FALSE)
		return 0;
	return error_set(err, 0, "%s: not a boolean", name);
}

static int field_texts(const struct jsonr *object, const char *name, char ***out, struct error *err)
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
		if (text_get(&v, name, &text, err) < 0)
			return -1;
		if (strv_take(out, text) < 0)
			return error_set(err, ENOMEM, "%s", name);
	}
	return 0;
}

static size_t list_count(const struct jsonr *list)
{
	struct jsonr_iter it = jsonr_iter(list);
	struct jsonr v;
	size_t n = 0;

	while (jsonr_element(&it, &v))
		n++;
	return n;
}

/* A list of objects, each read by `read` into one element of a new array. */
static int field_objects(const struct jsonr *object, const char *name, size_t size, void **out, size_t *count,
			 int (*read)(const struct jsonr *, void *, struct error *), struct error *err)
{
	struct jsonr list, v;
	struct jsonr_iter it;
	size_t n;

	if (field_get(object, name, JSONR_ARRAY, &list, err) < 0)
		return -1;
	n = list_count(&list);
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

/* --- runtime.json --------------------------------------------------------------------------------------------------
 */

static int mount_read(const struct jsonr *object, void *to, struct error *err)
{
	struct oci_mount *m = to;

	if (field_text(object, "destination", &m->destination, err) < 0 ||
	    field_text(object, "source", &m->source, err) < 0 || field_text(object, "type", &m->type, err) < 0 ||
	    field_texts(object, "options", &m->options, err) < 0)
		return -1;
	return m->destination ? 0 : error_set(err, 0, "destination: missing");
}

static int interface_read(const struct jsonr *object, void *to, struct error *err)
{
	struct oci_interface *i = to;

	if (field_text(object, "name", &i->name, err) < 0 || field_text(object, "add", &i->add, err) < 0 ||
	    field_text(object, "peer", &i->peer, err) < 0 ||
	    field_bool(object, "createInRoot", &i->create_in_root, err) < 0)
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

static int bind_ns_read(const struct jsonr *root, char *out[NS_COUNT], struct error *err)
{
	struct jsonr object;

	if (field_get(root, "bindNS", JSONR_OBJECT, &object, err) < 0)
		return -1;
	for (int i = 0; i < NS_COUNT; i++)
		if (field_text(&object, ns_names[i], &out[i], err) < 0)
			return error_wrap(err, "bindNS");
	return 0;
}

int oci_runtime_parse(const void *json, size_t n, struct oci_runtime *out, struct error *err)
{
	struct jsonr root;
	struct oci_runtime r = { 0 };
	void *mounts = NULL, *interfaces = NULL;
	int result;

	*out = r;
	if (oci_load(json, n, &root, err) < 0)
		return -1;
	result = field_texts(&root, "cgroups", &r.cgroups, err) < 0 ||
		field_objects(&root, "mounts", sizeof(*r.mounts), &mounts, &r.mount_count, mount_read, err) < 0 ||
		field_texts(&root, "mkdir", &r.mkdir, err) < 0 ||
		field_objects(&root, "interfaces", sizeof(*r.interfaces), &interfaces, &r.interface_count,
			      interface_read, err) < 0 ||
		bind_ns_read(&root, r.bind_ns, err) < 0 ||
		field_text(&root, "namespace", &r.containerd_namespace, err) < 0;
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

/* --- config.json ----------------------------------------------------------------------------------------------------
 */

static int annotation_read(const struct jsonr *key, const struct jsonr *value, struct oci_config *c, struct error *err)
{
	_cleanup_free_ char *name = NULL;
	struct oci_annotation *a;

	if (text_get(key, "annotations", &name, err) < 0)
		return -1;
	if (!str_starts(name, OURS))
		return 0;
	if (value->type != JSONR_STRING)
		return error_set(err, 0, "annotations: %s: not a string", name);
	a = reallocarray(c->annotations, c->annotation_count + 1, sizeof(*a));
	if (!a)
		return error_set(err, ENOMEM, "annotations");
	c->annotations = a;
	a += c->annotation_count;
	if (text_get(value, name, &a->value, err) < 0)
		return error_wrap(err, "annotations");
	a->key = steal_ptr(&name);
	c->annotation_count++;
	return 0;
}

static int annotations_read(const struct jsonr *root, struct oci_config *c, struct error *err)
{
	struct jsonr object, key, value;
	struct jsonr_iter it;

	if (field_get(root, "annotations", JSONR_OBJECT, &object, err) < 0)
		return -1;
	it = jsonr_iter(&object);
	while (jsonr_member(&it, &key, &value))
		if (annotation_read(&key, &value, c, err) < 0)
			return -1;
	return 0;
}

static int namespaces_read(const struct jsonr *root, struct oci_config *c, struct error *err)
{
	struct jsonr section, list, ns;
	struct jsonr_iter it;

	if (field_get(root, "linux", JSONR_OBJECT, &section, err) < 0 ||
	    field_get(&section, "namespaces", JSONR_ARRAY, &list, err) < 0)
		return error_set(err, 0, "linux.namespaces: not a list");
	it = jsonr_iter(&list);
	while (jsonr_element(&it, &ns)) {
		struct jsonr type = jsonr_get(&ns, "type"), path = jsonr_get(&ns, "path");

		if (jsonr_is(&type, "pid"))
			c->own_pid_namespace = path.type != JSONR_STRING || jsonr_is(&path, "");
	}
	return 0;
}

int oci_config_parse(const void *json, size_t n, struct oci_config *out, struct error *err)
{
	struct jsonr root, process;

	*out = (struct oci_config){ 0 };
	if (oci_load(json, n, &root, err) < 0 || field_get(&root, "process", JSONR_OBJECT, &process, err) < 0)
		return -1;
	if (field_bool(&process, "terminal", &out->terminal, err) < 0 || annotations_read(&root, out, err) < 0 ||
	    namespaces_read(&root, out, err) < 0) {
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

/* --- config.json, changed --------------------------------------------------------------------------------------------
 */

/* Writes the members of an object as they are, but for those that the caller writes itself. */
static int members_write(struct jsonw *w, const struct jsonr *object, const char *const *without, struct error *err)
{
	struct jsonr_iter it = jsonr_iter(object);
	struct jsonr key, value;

	while (jsonr_member(&it, &key, &value)) {
		_cleanup_free_ char *name = NULL;
		size_t i = 0;

		while (without[i] && !jsonr_is(&key, without[i]))
			i++;
		if (without[i])
			continue;
		if (text_get(&key, "a name", &name, err) < 0)
			return -1;
		jsonw_raw(w, name, value.start, value.len);
	}
	return 0;
}

/* containerd is among the last that the kernel kills, and a shim that starts the runtime as it is itself would hand
 * that on: whoever says nothing gets the plain score. */
static void oom_score_write(struct jsonw *w, const struct jsonr *process)
{
	struct jsonr score = jsonr_get(process, "oomScoreAdj");

	if (score.type == JSONR_NONE)
		jsonw_int(w, "oomScoreAdj", 0);
	else
		jsonw_raw(w, "oomScoreAdj", score.start, score.len);
}

static bool text_starts(const struct jsonr *value, const char *start)
{
	_cleanup_free_ char *text = jsonr_text(value);

	return text && str_starts(text, start);
}

#define PATH_DEFAULT "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* Docker, ctr and CRI give a container a PATH whose image sets none, and whoever runs a further process in it expects
 * that. An environment that is no list is left to the runtime to refuse. */
static void env_write(struct jsonw *w, const struct jsonr *process)
{
	struct jsonr env = jsonr_get(process, "env"), v;
	struct jsonr_iter it = jsonr_iter(&env);
	bool path = false;

	if (env.type != JSONR_NONE && env.type != JSONR_ARRAY) {
		jsonw_raw(w, "env", env.start, env.len);
		return;
	}
	jsonw_list(w, "env");
	while (jsonr_element(&it, &v)) {
		jsonw_raw(w, NULL, v.start, v.len);
		path |= text_starts(&v, "PATH=");
	}
	if (!path)
		jsonw_string(w, NULL, PATH_DEFAULT);
	jsonw_end(w);
}

/* What a writer made, as text of its own. */
static char *text_steal(struct jsonw *w, struct buf *out, const char *what, struct error *err)
{
	char *text = jsonw_done(w) == 0 ? buf_steal_text(out) : NULL;

	if (!text)
		error_set(err, ENOMEM, "%s", what);
	return text;
}

char *oci_config_with_root(const void *json, size_t n, const char *root, struct error *err)
{
	static const char *const top[] = { "process", "root", NULL }, *const below_root[] = { "path", NULL },
				 *const below_process[] = { "oomScoreAdj", "env", NULL };
	_cleanup_buf_ struct buf out = { 0 };
	struct jsonw w = { .out = &out, .compact = true };
	struct jsonr config, part, process;

	if (oci_load(json, n, &config, err) < 0 || field_get(&config, "root", JSONR_OBJECT, &part, err) < 0)
		return NULL;
	process = jsonr_get(&config, "process");
	jsonw_object(&w, NULL);
	if (members_write(&w, &config, top, err) < 0)
		return NULL;
	if (process.type == JSONR_OBJECT) {
		jsonw_object(&w, "process");
		if (members_write(&w, &process, below_process, err) < 0)
			return NULL;
		oom_score_write(&w, &process);
		env_write(&w, &process);
		jsonw_end(&w);
	} else if (process.type != JSONR_NONE) {
		jsonw_raw(&w, "process", process.start, process.len);
	}
	jsonw_object(&w, "root");
	if (members_write(&w, &part, below_root, err) < 0)
		return NULL;
	jsonw_string(&w, "path", root);
	jsonw_end(&w);
	jsonw_end(&w);
	return text_steal(&w, &out, "root.path", err);
}

char *oci_config_process(const void *json, size_t n, char *const *argv, struct error *err)
{
	static const char *const changed[] = { "args", "terminal", "oomScoreAdj", NULL };
	_cleanup_buf_ struct buf out = { 0 };
	struct jsonw w = { .out = &out, .compact = true };
	struct jsonr config, process;
	int r;

	if (oci_load(json, n, &config, err) < 0)
		return NULL;
	r = field_get(&config, "process", JSONR_OBJECT, &process, err);
	if (r <= 0) {
		if (r == 0)
			error_set(err, 0, "process: not an object");
		return NULL;
	}
	jsonw_object(&w, NULL);
	if (members_write(&w, &process, changed, err) < 0)
		return NULL;
	jsonw_strings(&w, "args", argv);
	jsonw_bool(&w, "terminal", false);
	oom_score_write(&w, &process);
	jsonw_end(&w);
	return text_steal(&w, &out, "process", err);
}
