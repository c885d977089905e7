#include "options.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "beneath.h"
#include "linux_options.pb-c.h"
#include "runtime_options.pb-c.h"
#include "str.h"
#include "toml.h"

enum { FILE_MAX = 1 << 20 };

static const char runc_type[] = "containerd.runc.v1.Options", table_type[] = "runtimeoptions.v1.Options";
static const char old_type[] = "containerd.linux.runc.CreateOptions";

/* Keys of the message around the table, which containerd leaves in it. */
static const char *const outer_keys[] = { "TypeUrl", "ConfigPath", "ConfigBody" };

void runc_options_free(runc_options **o)
{
	if (*o)
		containerd__runc__v1__options__free_unpacked(*o, NULL);
	*o = NULL;
}

static runc_options *options_new(struct error *err)
{
	runc_options *o = malloc(sizeof(*o));

	if (o)
		containerd__runc__v1__options__init(o);
	else
		error_set(err, ENOMEM, "runtime options");
	return o;
}

/* --- the table ---------------------------------------------------------------------------------------------------- */

/* "BinaryName" is the field binary_name. */
static bool key_is(const char *key, const char *field)
{
	for (;; key++, field++) {
		while (*field == '_')
			field++;
		if (tolower((unsigned char)*key) != *field)
			return false;
		if (!*field)
			return true;
	}
}

static const ProtobufCFieldDescriptor *field_of(const char *key)
{
	const ProtobufCMessageDescriptor *d = &containerd__runc__v1__options__descriptor;

	for (unsigned i = 0; i < d->n_fields; i++)
		if (key_is(key, d->fields[i].name))
			return &d->fields[i];
	return NULL;
}

static bool is_outer(const char *key)
{
	for (size_t i = 0; i < array_len(outer_keys); i++)
		if (strcasecmp(key, outer_keys[i]) == 0)
			return true;
	return false;
}

static int field_set(runc_options *o, const ProtobufCFieldDescriptor *f, struct toml_entry *e, struct error *err)
{
	void *at = (char *)o + f->offset;

	switch (f->type) {
	case PROTOBUF_C_TYPE_STRING:
		if (e->type != TOML_STRING)
			return error_say(err, EINVAL, "line %u: %s is no text", e->line, e->key);
		*(char **)at = steal_ptr(&e->text); /* in place of the default, which is nobody's */
		return 0;
	case PROTOBUF_C_TYPE_BOOL:
		if (e->type != TOML_BOOLEAN)
			return error_say(err, EINVAL, "line %u: %s is neither true nor false", e->line, e->key);
		*(protobuf_c_boolean *)at = e->on;
		return 0;
	case PROTOBUF_C_TYPE_UINT32:
		if (e->type != TOML_INTEGER || e->number < 0 || e->number > UINT32_MAX)
			return error_say(err, EINVAL, "line %u: %s is no number from 0 to 4294967295", e->line, e->key);
		*(uint32_t *)at = (uint32_t)e->number;
		return 0;
	default:
		return error_say(err, EINVAL, "line %u: %s cannot be set", e->line, e->key);
	}
}

static int table_read(struct toml *t, runc_options *o, char ***unknown, struct error *err)
{
	_cleanup_toml_entry_ struct toml_entry e = { 0 };
	uint32_t seen = 0;
	int r;

	while ((r = toml_next(t, &e, err)) > 0) {
		const ProtobufCFieldDescriptor *f = field_of(e.key);

		if (!f) {
			if (unknown && !is_outer(e.key) && strv_add(unknown, e.key) < 0)
				return error_set(err, ENOMEM, "runtime options");
			continue;
		}
		if (seen & 1u << f->id)
			return error_say(err, EINVAL, "line %u: %s is there twice", e.line, e.key);
		seen |= 1u << f->id;
		if (field_set(o, f, &e, err) < 0)
			return -1;
	}
	return r;
}

runc_options *options_parse(const char *text, size_t n, char ***unknown, struct error *err)
{
	_cleanup_toml_ struct toml t = toml_begin(text, n);
	_cleanup_runc_options_ runc_options *o = options_new(err);

	return o && table_read(&t, o, unknown, err) == 0 ? steal_ptr(&o) : NULL;
}

/* --- the messages ------------------------------------------------------------------------------------------------- */

/* Whoever wrote the path is root, but its place may be anybody's: nothing that blocks is waited for. */
static runc_options *file_parse(const char *path, char ***unknown, struct error *err)
{
	const struct beneath_want want = { .type = S_IFREG, .owner = BENEATH_ANY_OWNER, .follow = true };
	_cleanup_close_ int root = -1;
	_cleanup_buf_ struct buf text = { 0 };
	runc_options *o;

	if (*path != '/') {
		error_say(err, EINVAL, "runtime options: config_path \"%s\" is not absolute", path);
		return NULL;
	}
	root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0) {
		error_set(err, errno, "/");
		return NULL;
	}
	if (beneath_read(root, path, FILE_MAX, &want, &text, err) < 0) {
		error_wrap(err, "runtime options");
		return NULL;
	}
	o = options_parse(buf_text(&text), text.len, unknown, err);
	if (!o)
		error_wrap(err, "%s", path);
	return o;
}

static runc_options *outer_parse(const ProtobufCBinaryData *data, char ***unknown, struct error *err)
{
	Runtimeoptions__V1__Options *outer = runtimeoptions__v1__options__unpack(NULL, data->len, data->data);
	runc_options *o;

	if (!outer) {
		error_set(err, EINVAL, "the options are no %s", table_type);
		return NULL;
	}
	if (*outer->config_path)
		o = file_parse(outer->config_path, unknown, err);
	else
		o = options_parse((const char *)outer->config_body.data, outer->config_body.len, unknown, err);
	if (!o && !*outer->config_path)
		error_wrap(err, "runtime options");
	runtimeoptions__v1__options__free_unpacked(outer, NULL);
	return o;
}

static bool text_copied(char **to, const char *from)
{
	return *from == '\0' || (*to = strdup(from));
}

static runc_options *old_parse(const ProtobufCBinaryData *data, struct error *err)
{
	Containerd__Linux__Runc__CreateOptions *old =
		containerd__linux__runc__create_options__unpack(NULL, data->len, data->data);
	_cleanup_runc_options_ runc_options *o = options_new(err);

	if (!old)
		error_set(err, EINVAL, "the options are no %s", old_type);
	if (!old || !o)
		runc_options_free(&o);
	else if (!text_copied(&o->shim_cgroup, old->shim_cgroup) ||
		 !text_copied(&o->criu_work_path, old->criu_work_path))
		runc_options_free(&o);
	if (o) {
		o->no_pivot_root = old->no_pivot_root;
		o->no_new_keyring = old->no_new_keyring;
		o->io_uid = old->io_uid;
		o->io_gid = old->io_gid;
	} else if (old) {
		error_set(err, ENOMEM, "runtime options");
	}
	if (old)
		containerd__linux__runc__create_options__free_unpacked(old, NULL);
	return steal_ptr(&o);
}

bool options_are_known(const Google__Protobuf__Any *any)
{
	return str_ends(any->type_url, runc_type) || str_ends(any->type_url, table_type) ||
		str_ends(any->type_url, old_type);
}

runc_options *options_read(const Google__Protobuf__Any *any, char ***unknown, struct error *err)
{
	runc_options *o;

	if (!any || any->value.len == 0)
		return options_new(err);
	if (str_ends(any->type_url, table_type))
		return outer_parse(&any->value, unknown, err);
	if (str_ends(any->type_url, old_type))
		return old_parse(&any->value, err);
	if (!str_ends(any->type_url, runc_type)) {
		error_set(err, EINVAL, "options of type %s", any->type_url);
		return NULL;
	}
	o = containerd__runc__v1__options__unpack(NULL, any->value.len, any->value.data);
	if (!o)
		error_set(err, EINVAL, "the options are no %s", runc_type);
	return o;
}
