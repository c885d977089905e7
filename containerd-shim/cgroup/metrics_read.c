#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "metrics_private.h"
#include "str.h"

enum { TEXT_MAX = 1 << 20 };

void *metrics_message(struct metrics *m, const ProtobufCMessageDescriptor *type)
{
	void *message = arena_alloc(&m->arena, type->sizeof_message);

	if (message)
		protobuf_c_message_init(type, message);
	else
		m->failed = true;
	return message;
}

char *metrics_copy(struct metrics *m, const char *text, size_t n)
{
	char *copy = arena_copy(&m->arena, text, n);

	m->failed |= !copy;
	return copy;
}

void metrics_append(struct metrics *m, size_t *count, void *list, void *message)
{
	void ***items = list;
	size_t cap = *count;

	if (!message)
		return;
	/* Grows at each power of two; what it leaves behind goes with the arena. */
	if ((cap & (cap - 1)) == 0) {
		void **grown = arena_alloc(&m->arena, (cap ? cap * 2 : 1) * sizeof(void *));

		if (!grown) {
			m->failed = true;
			return;
		}
		if (cap)
			memcpy(grown, *items, cap * sizeof(void *));
		*items = grown;
	}
	(*items)[(*count)++] = message;
}

char *metrics_text(const char *dir, const char *name)
{
	_cleanup_free_ char *path = dir ? str_format("%s/%s", dir, name) : NULL;
	_cleanup_buf_ struct buf text = { 0 };

	if (!path || file_read(path, TEXT_MAX, &text, NULL) < 0)
		return NULL;
	return text.len ? buf_steal_text(&text) : strdup("");
}

uint64_t metrics_number(const char *dir, const char *name, uint64_t max)
{
	_cleanup_free_ char *text = metrics_text(dir, name);

	if (!text)
		return 0;
	return str_starts(text, "max") ? max : strtoull(text, NULL, 10);
}

static void field_set(ProtobufCMessage *message, const char *key, size_t n, const char *value,
		      const struct metrics_name *names)
{
	const ProtobufCFieldDescriptor *field;
	char name[64];

	if (n >= sizeof(name))
		return;
	memcpy(name, key, n);
	name[n] = '\0';
	for (const struct metrics_name *alias = names; alias && alias->kernel; alias++)
		if (str_eq(alias->kernel, name)) {
			strcpy(name, alias->field); /* ours, and short */
			break;
		}
	field = protobuf_c_message_descriptor_get_field_by_name(message->descriptor, name);
	if (field && field->label == PROTOBUF_C_LABEL_NONE && field->type == PROTOBUF_C_TYPE_UINT64)
		*(uint64_t *)(void *)((char *)message + field->offset) = strtoull(value, NULL, 10);
	else if (field && field->label == PROTOBUF_C_LABEL_NONE && field->type == PROTOBUF_C_TYPE_UINT32)
		*(uint32_t *)(void *)((char *)message + field->offset) = (uint32_t)strtoul(value, NULL, 10);
}

void metrics_fields(ProtobufCMessage *message, const char *text, const struct metrics_name *names)
{
	while (message && text && *text) {
		size_t n = strcspn(text, " \n");
		const char *eol = strchr(text, '\n');

		if (text[n] == ' ')
			field_set(message, text, n, text + n + 1, names);
		text = eol ? eol + 1 : NULL;
	}
}

void metrics_words(ProtobufCMessage *message, const char *line, size_t n, const struct metrics_name *names)
{
	const char *end = line + n;

	while (message && line < end) {
		const char *word = line, *equals;

		while (line < end && *line != ' ')
			line++;
		equals = memchr(word, '=', (size_t)(line - word));
		if (equals)
			field_set(message, word, (size_t)(equals - word), equals + 1, names);
		while (line < end && *line == ' ')
			line++;
	}
}

static const struct metrics_name rdma_names[] = {
	{ "hca_handle", "hca_handles" },
	{ "hca_object", "hca_objects" },
	{ NULL, NULL },
};

void metrics_rdma(struct metrics *m, const char *dir, const char *file, const ProtobufCMessageDescriptor *type,
		  size_t *count, void *list)
{
	const ProtobufCFieldDescriptor *device = protobuf_c_message_descriptor_get_field_by_name(type, "device");
	_cleanup_free_ char *text = metrics_text(dir, file);

	for (const char *line = text, *eol; line && *line; line = eol ? eol + 1 : NULL) {
		ProtobufCMessage *e = metrics_message(m, type);
		size_t n = strcspn(line, " \n"), len = strcspn(line, "\n");

		if (!e || !device)
			return;
		eol = strchr(line, '\n');
		*(char **)(void *)((char *)e + device->offset) = metrics_copy(m, line, n);
		metrics_words(e, line + n, len - n, rdma_names);
		metrics_append(m, count, list, e);
	}
}

const char *metrics_device(const char *line, uint64_t *major, uint64_t *minor)
{
	char *end;

	*major = strtoull(line, &end, 10);
	if (end == line || *end != ':')
		return NULL;
	line = end + 1;
	*minor = strtoull(line, &end, 10);
	return end == line || *end != ' ' ? NULL : end + 1;
}

void metrics_pages(struct metrics *m, const char *dir, const char *suffix, metrics_page_fn *fn, void *data)
{
	static const char prefix[] = "hugetlb.";
	_cleanup_closedir_ DIR *d = dir ? opendir(dir) : NULL;
	struct dirent *e;

	while (d && (e = readdir(d))) {
		char size[32];
		size_t n = strlen(e->d_name), fixed = strlen(prefix) + strlen(suffix);

		if (!str_starts(e->d_name, prefix) || !str_ends(e->d_name, suffix) || n <= fixed ||
		    n - fixed >= sizeof(size))
			continue;
		memcpy(size, e->d_name + strlen(prefix), n - fixed);
		size[n - fixed] = '\0';
		if (!strchr(size, '.')) /* hugetlb.2MB.rsvd.current is another matter */
			fn(m, dir, size, data);
	}
}
