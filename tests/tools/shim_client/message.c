/* Messages from and to text, by their descriptors. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "any.pb-c.h"
#include "cgroup1_metrics.pb-c.h"
#include "cgroup2_metrics.pb-c.h"
#include "client.h"
#include "io.h"
#include "runc_options.pb-c.h"
#include "runtime_options.pb-c.h"
#include "str.h"
#include "task_events.pb-c.h"
#include "timestamp.pb-c.h"
#include "types.pb-c.h"

/* What an Any may hold. */
static const ProtobufCMessageDescriptor *const known[] = {
	&containerd__runc__v1__process_details__descriptor, &io__containerd__cgroups__v1__metrics__descriptor,
	&io__containerd__cgroups__v2__metrics__descriptor,  &containerd__events__task_create__descriptor,
	&containerd__events__task_start__descriptor,        &containerd__events__task_exit__descriptor,
	&containerd__events__task_delete__descriptor,       &containerd__events__task_oom__descriptor,
	&containerd__events__task_exec_added__descriptor,   &containerd__events__task_exec_started__descriptor,
	&containerd__events__task_paused__descriptor,       &containerd__events__task_resumed__descriptor,
	&containerd__events__task_checkpointed__descriptor,
};

static void *field_at(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
	return (char *)m + f->offset;
}

/* --- setting ------------------------------------------------------------------------------------------------------ */

/* TEXT, or @FILE for its content. */
static int value_text(const char *value, struct buf *out, struct error *err)
{
	if (*value == '@')
		return file_read(value + 1, 64 << 20, out, err);
	return buf_addstr(out, value) < 0 ? error_set(err, ENOMEM, "value") : 0;
}

/* Which message has the fields that FIELD=VALUE sets. */
static const ProtobufCMessageDescriptor *options_type(const ProtobufCMessage *m, const char *assignment)
{
	if (strstr(m->descriptor->name, "Checkpoint"))
		return &containerd__runc__v1__checkpoint_options__descriptor;
	return str_starts(assignment, "config_") ? &runtimeoptions__v1__options__descriptor
						 : &containerd__runc__v1__options__descriptor;
}

static int bytes_set(ProtobufCBinaryData *data, const char *value, struct error *err)
{
	_cleanup_buf_ struct buf text = { 0 };

	if (value_text(value, &text, err) < 0)
		return -1;
	data->len = text.len;
	data->data = malloc(text.len + 1);
	memcpy(data->data, buf_text(&text), text.len);
	return 0;
}

/* options.FIELD=VALUE: a message of options in an Any. */
static int options_set(Google__Protobuf__Any **any, const ProtobufCMessageDescriptor *type, const char *assignment,
		       struct error *err)
{
	ProtobufCMessage *m;
	int r;

	if (!*any) {
		*any = calloc(1, sizeof(**any));
		google__protobuf__any__init(*any);
		(*any)->type_url = strdup(type->name);
	}
	m = protobuf_c_message_unpack(type, NULL, (*any)->value.len, (*any)->value.data);
	if (!m)
		return error_set(err, EINVAL, "options");
	r = message_set(m, assignment, err);
	free((*any)->value.data);
	(*any)->value.len = protobuf_c_message_get_packed_size(m);
	(*any)->value.data = malloc((*any)->value.len + 1);
	protobuf_c_message_pack(m, (*any)->value.data);
	protobuf_c_message_free_unpacked(m, NULL);
	return r;
}

static int any_set(Google__Protobuf__Any **any, const char *url, const char *value, struct error *err)
{
	_cleanup_buf_ struct buf text = { 0 };

	if (value_text(value, &text, err) < 0)
		return -1;
	*any = calloc(1, sizeof(**any));
	google__protobuf__any__init(*any);
	(*any)->type_url = strdup(url);
	(*any)->value.data = malloc(text.len + 1);
	memcpy((*any)->value.data, buf_text(&text), text.len);
	(*any)->value.len = text.len;
	return 0;
}

/* rootfs=TYPE:SOURCE:TARGET:OPTION,OPTION... */
static int mount_add(ProtobufCMessage *m, const ProtobufCFieldDescriptor *f, const char *value)
{
	Containerd__Types__Mount **grown;
	size_t *count = (size_t *)(void *)((char *)m + f->quantifier_offset);
	Containerd__Types__Mount ***list = field_at(m, f), *mount = calloc(1, sizeof(*mount));
	char *copy = strdup(value), *rest = copy, **fields[3];

	containerd__types__mount__init(mount);
	fields[0] = &mount->type;
	fields[1] = &mount->source;
	fields[2] = &mount->target;
	for (int i = 0; i < 3; i++) {
		char *part = strsep(&rest, ":");

		if (part && *part)
			*fields[i] = strdup(part);
	}
	mount->options = rest ? strv_split(rest, ",") : NULL;
	mount->n_options = strv_len(mount->options);
	grown = realloc(*list, (*count + 1) * sizeof(**list));
	free(copy);
	if (!grown)
		abort(); /* a test's client: nothing can be saved */
	*list = grown;
	(*list)[(*count)++] = mount;
	return 0;
}

int message_set(ProtobufCMessage *m, const char *assignment, struct error *err)
{
	const char *equals = strchr(assignment, '='), *dot = strchr(assignment, '.');
	_cleanup_free_ char *name = NULL;
	const ProtobufCFieldDescriptor *f;
	const char *value = equals ? equals + 1 : "";

	if (!equals)
		return error_set(err, EINVAL, "%s: no =", assignment);
	name = strndup(assignment, (size_t)((dot && dot < equals ? dot : equals) - assignment));
	f = protobuf_c_message_descriptor_get_field_by_name(m->descriptor, name);
	if (!f)
		return error_set(err, EINVAL, "%s has no field %s", m->descriptor->name, name);
	switch (f->type) {
	case PROTOBUF_C_TYPE_STRING:
		*(char **)field_at(m, f) = strdup(value);
		return 0;
	case PROTOBUF_C_TYPE_BOOL:
		*(protobuf_c_boolean *)field_at(m, f) = str_eq(value, "1") || str_eq(value, "true");
		return 0;
	case PROTOBUF_C_TYPE_UINT32:
		*(uint32_t *)field_at(m, f) = (uint32_t)strtoul(value, NULL, 10);
		return 0;
	case PROTOBUF_C_TYPE_BYTES:
		return bytes_set(field_at(m, f), value, err);
	case PROTOBUF_C_TYPE_MESSAGE:
		if (f->label == PROTOBUF_C_LABEL_REPEATED && f->descriptor == &containerd__types__mount__descriptor)
			return mount_add(m, f, value);
		if (f->descriptor == &google__protobuf__any__descriptor && dot && dot < equals)
			return options_set(field_at(m, f), options_type(m, dot + 1), dot + 1, err);
		if (f->descriptor == &google__protobuf__any__descriptor)
			return any_set(field_at(m, f),
				       strstr(m->descriptor->name, "CreateSandbox")
					       ? "runtime.v1.PodSandboxConfig"
					       : "types.containerd.io/opencontainers/runtime-spec/1/Process",
				       value, err);
		break;
	default:
		break;
	}
	return error_set(err, EINVAL, "field %s cannot be set from here", name);
}

/* --- printing ----------------------------------------------------------------------------------------------------- */

static void any_print(const Google__Protobuf__Any *any, const char *prefix)
{
	printf("%s.type=%s\n", prefix, any->type_url);
	for (size_t i = 0; i < array_len(known); i++) {
		ProtobufCMessage *m;

		if (!str_eq(known[i]->name, any->type_url))
			continue;
		m = protobuf_c_message_unpack(known[i], NULL, any->value.len, any->value.data);
		if (!m) {
			printf("%s.bad=1\n", prefix);
			return;
		}
		message_print(m, prefix);
		protobuf_c_message_free_unpacked(m, NULL);
	}
}

static void value_print(const ProtobufCFieldDescriptor *f, const void *at, const char *name)
{
	const ProtobufCMessage *m;
	const char *s;

	switch (f->type) {
	case PROTOBUF_C_TYPE_STRING:
		s = *(char *const *)at;
		if (s && *s)
			printf("%s=%s\n", name, s);
		break;
	case PROTOBUF_C_TYPE_BOOL:
		if (*(const protobuf_c_boolean *)at)
			printf("%s=1\n", name);
		break;
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_ENUM:
		if (*(const uint32_t *)at)
			printf("%s=%u\n", name, *(const uint32_t *)at);
		break;
	case PROTOBUF_C_TYPE_UINT64:
		if (*(const uint64_t *)at)
			printf("%s=%llu\n", name, (unsigned long long)*(const uint64_t *)at);
		break;
	case PROTOBUF_C_TYPE_MESSAGE:
		m = *(ProtobufCMessage *const *)at;
		if (!m)
			break;
		if (m->descriptor == &google__protobuf__any__descriptor) {
			any_print((const Google__Protobuf__Any *)(const void *)m, name);
		} else if (m->descriptor == &google__protobuf__timestamp__descriptor) {
			const Google__Protobuf__Timestamp *t = (const void *)m;

			printf("%s=%lld.%09d\n", name, (long long)t->seconds, t->nanos);
		} else {
			message_print(m, name);
		}
		break;
	default:
		break;
	}
}

void message_print(const ProtobufCMessage *m, const char *prefix)
{
	for (unsigned i = 0; i < m->descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &m->descriptor->fields[i];
		size_t count = 1;
		const char *at = field_at(m, f);
		bool repeated = f->label == PROTOBUF_C_LABEL_REPEATED;

		if (repeated) {
			count = *(const size_t *)(const void *)((const char *)m + f->quantifier_offset);
			at = *(const char *const *)(const void *)at;
		}
		for (size_t n = 0; n < count; n++) {
			_cleanup_free_ char *name = repeated ? str_format("%s.%s[%zu]", prefix, f->name, n)
							     : str_format("%s.%s", prefix, f->name);
			size_t size = f->type == PROTOBUF_C_TYPE_UINT64 ? 8
				: f->type == PROTOBUF_C_TYPE_MESSAGE || f->type == PROTOBUF_C_TYPE_STRING
				? sizeof(void *)
				: 4;

			value_print(f, at + n * size, name + (*prefix ? 0 : 1));
		}
	}
}
