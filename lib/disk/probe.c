#include "probe.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "buf.h"
#include "str.h"
#include "tool.h"

enum { FOUND = 0, NOTHING = 2, AMBIVALENT = 8 }; /* blkid's exit status */

void probe_free(struct probe *p)
{
	char **fields[] = { &p->device, &p->type,  &p->usage,     &p->label,
			    &p->uuid,   &p->table, &p->part_uuid, &p->part_label };

	for (size_t i = 0; i < array_len(fields); i++)
		free(*fields[i]);
	memset(p, 0, sizeof(*p));
}

void probes_free(struct probe *p, size_t count)
{
	for (size_t i = 0; i < count; i++)
		probe_free(&p[i]);
	free(p);
}

static const struct {
	const char *key;
	size_t field;
} keys[] = {
	{ "TYPE", offsetof(struct probe, type) },
	{ "USAGE", offsetof(struct probe, usage) },
	{ "LABEL", offsetof(struct probe, label) },
	{ "UUID", offsetof(struct probe, uuid) },
	{ "PTTYPE", offsetof(struct probe, table) },
	{ "PART_ENTRY_UUID", offsetof(struct probe, part_uuid) },
	{ "PART_ENTRY_NAME", offsetof(struct probe, part_label) },
};

/* A copy without the backslashes in front of characters. */
static char *value_copy(const char *value, size_t n)
{
	char *copy = malloc(n + 1);
	size_t used = 0;

	for (size_t i = 0; copy && i < n; i++) {
		if (value[i] == '\\' && i + 1 < n)
			i++;
		copy[used++] = value[i];
	}
	if (copy)
		copy[used] = '\0';
	return copy;
}

static struct probe *probe_add(struct probe **all, size_t *count)
{
	struct probe *more = realloc(*all, (*count + 1) * sizeof(**all));

	if (!more)
		return NULL;
	*all = more;
	memset(&more[*count], 0, sizeof(*more));
	return &more[(*count)++];
}

static int line_take(struct probe **all, size_t *count, const char *line, size_t n)
{
	const char *equals = memchr(line, '=', n);
	size_t key = equals ? (size_t)(equals - line) : 0;
	char **field = NULL;

	if (!equals)
		return 0;
	if (key == 7 && memcmp(line, "DEVNAME", key) == 0) {
		struct probe *p = probe_add(all, count);

		if (!p)
			return -1;
		field = &p->device;
	}
	if (*count == 0)
		return 0;
	for (size_t i = 0; !field && i < array_len(keys); i++)
		if (strlen(keys[i].key) == key && memcmp(line, keys[i].key, key) == 0)
			field = (char **)((char *)&(*all)[*count - 1] + keys[i].field);
	if (!field)
		return 0;
	free(*field);
	*field = value_copy(equals + 1, n - key - 1);
	return *field ? 0 : -1;
}

int probe_parse(const char *text, struct probe **out, size_t *count, struct error *err)
{
	*out = NULL;
	*count = 0;
	while (*text) {
		size_t n = strcspn(text, "\n");

		if (line_take(out, count, text, n) < 0) {
			probes_free(*out, *count);
			*out = NULL;
			*count = 0;
			return error_set(err, ENOMEM, "what blkid says");
		}
		text += n + (text[n] == '\n');
	}
	return 0;
}

int probe_device(const char *device, struct probe *out, struct error *err)
{
	char *const argv[] = { (char *)"blkid", (char *)"-p",   (char *)"-o", (char *)"export",
			       (char *)"--",    (char *)device, NULL };
	_cleanup_buf_ struct buf said = { 0 };
	struct probe *found;
	size_t count;
	int status = tool_run(argv, &said, err);
	_cleanup_free_ char *last = NULL;

	memset(out, 0, sizeof(*out));
	if (status < 0)
		return -1;
	if (status != FOUND && status != AMBIVALENT && status != NOTHING) {
		last = tool_last_lines(buf_text(&said));
		return error_set(err, 0, "%s: blkid ended with status %d: %s", device, status, last ? last : "");
	}
	if (probe_parse(status == FOUND ? buf_text(&said) : "", &found, &count, err) < 0)
		return -1;
	if (count > 0) {
		*out = found[0];
		for (size_t i = 1; i < count; i++)
			probe_free(&found[i]);
	}
	free(found);
	out->ambivalent = status == AMBIVALENT;
	return out->ambivalent || out->type || out->table;
}

/* One call a device: a blkid that is given more ends at the first on which it finds nothing. */
int probe_devices(char *const *devices, struct probe **out, size_t *count, struct error *err)
{
	bool any = !*devices;

	*out = NULL;
	*count = 0;
	for (; *devices; devices++) {
		_cleanup_error_ struct error why = { 0 };
		struct probe found, *place;
		int r = probe_device(*devices, &found, &why);
		bool known = r > 0 || found.part_uuid || found.part_label;

		any |= r >= 0;
		place = known ? probe_add(out, count) : NULL;
		if (place)
			*place = found;
		else
			probe_free(&found);
		if (known && !place)
			return error_set(err, ENOMEM, "%s", *devices);
		if (r < 0 && !err->msg)
			error_move(err, &why);
	}
	if (!any)
		return -1;
	error_clear(err); /* of one that cannot be read */
	return 0;
}

char *probe_text(const struct probe *p)
{
	if (p->ambivalent)
		return strdup("signatures of more than one kind");
	if (p->type && p->label)
		return str_format("%s (%s) with the label %s", p->type, p->usage ? p->usage : "data", p->label);
	if (p->type)
		return str_format("%s (%s)", p->type, p->usage ? p->usage : "data");
	return p->table ? str_format("a partition table (%s)", p->table) : strdup("nothing");
}
