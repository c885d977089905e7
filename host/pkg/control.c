/* Control data of Debian packages, as apt-cache prints it: of each field only the characters that it may have. */
#include "control.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>

#include "str.h"

enum { TEXT_MAX = 1024 };

static bool is_name(const char *s, size_t n, const char *more)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!isalnum((unsigned char)s[i]) && !memchr(more, s[i], strlen(more)))
			return false;
	return n > 0;
}

/* Names and versions become file names and arguments: only what Debian's policy allows in them is taken. */
static int field_set(char **field, const char *value, size_t n, const char *more)
{
	if (!is_name(value, n, more))
		return -1;
	free(*field);
	*field = strndup(value, n);
	return *field ? 0 : -1;
}

/* "libc6 (>= 2.34), a:any [amd64] | b": libc6 and a. */
static int set_depends(char ***list, const char *value, size_t n)
{
	const char *end = value + n;

	while (value < end) {
		const char *comma = memchr(value, ',', (size_t)(end - value)), *stop = comma ? comma : end;
		_cleanup_free_ char *name = NULL;
		size_t len = 0;

		while (value < stop && isspace((unsigned char)*value))
			value++;
		while (value + len < stop && (isalnum((unsigned char)value[len]) || memchr("+-.", value[len], 3)))
			len++;
		if (len > 0) {
			name = strndup(value, len);
			if (!name || (!strv_has(*list, name) && strv_add(list, name) < 0))
				return -1;
		}
		value = comma ? comma + 1 : end;
	}
	return 0;
}

static int set_size(unsigned long long *size, const char *value, size_t n)
{
	_cleanup_free_ char *text = strndup(value, n);
	uint64_t v;

	if (!text || strlen(text) != n || str_to_u64(text, UINT64_MAX, &v) < 0)
		return -1;
	*size = v;
	return 0;
}

/* What is only shown: left out where it is not the printable text of a line. */
static int text_set(char **field, const char *value, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if ((unsigned char)value[i] < ' ' || value[i] == 0x7f)
			return 0;
	if (n == 0 || n > TEXT_MAX)
		return 0;
	free(*field);
	*field = strndup(value, n);
	return *field ? 0 : -1;
}

static int line_parse(struct control *c, const char *key, size_t key_len, const char *value, size_t n)
{
	static const char *const names[] = { "Package",     "Version", "Architecture", "SHA256",    "Depends",
					     "Pre-Depends", "Size",    "Source",       "Maintainer" };
	size_t i;

	for (i = 0; i < array_len(names); i++)
		if (strlen(names[i]) == key_len && memcmp(names[i], key, key_len) == 0)
			break;
	switch (i) {
	case 0:
		return field_set(&c->name, value, n, "+-.");
	case 1:
		return field_set(&c->version, value, n, "+-.~:");
	case 2:
		return field_set(&c->arch, value, n, "-");
	case 3:
		return n == 64 ? field_set(&c->sha256, value, n, "") : -1;
	case 4:
	case 5:
		return set_depends(&c->depends, value, n);
	case 6:
		return set_size(&c->size, value, n);
	case 7:
		return text_set(&c->source, value, n);
	case 8:
		return text_set(&c->maintainer, value, n);
	default:
		return 0;
	}
}

/* One stanza is lines up to an empty one; a line that begins with a blank goes on with the field before it, which
 * none of ours needs. */
long control_parse(const char *text, size_t n, struct control *out, struct error *err)
{
	const char *p = text, *end = text + n;

	*out = (struct control){ 0 };
	while (p < end && *p == '\n')
		p++;
	if (p == end)
		return 0;
	while (p < end && *p != '\n') {
		const char *newline = memchr(p, '\n', (size_t)(end - p)), *stop = newline ? newline : end;
		const char *colon = memchr(p, ':', (size_t)(stop - p)), *value = colon ? colon + 1 : stop;

		while (value < stop && *value == ' ')
			value++;
		if (colon && !isspace((unsigned char)*p) &&
		    line_parse(out, p, (size_t)(colon - p), value, (size_t)(stop - value)) < 0) {
			error_set(err, EPROTO, "a package's field %.*s makes no sense", (int)(colon - p), p);
			control_clear(out);
			return -1;
		}
		p = newline ? newline + 1 : end;
	}
	if (!out->name || !out->version || !out->arch || !out->sha256) {
		control_clear(out);
		return error_set(err, EPROTO, "a package's description lacks name, version, architecture or checksum");
	}
	return (long)(p - text);
}

void control_clear(struct control *c)
{
	free(c->name);
	free(c->version);
	free(c->arch);
	free(c->sha256);
	free(c->source);
	free(c->maintainer);
	strv_free(c->depends);
	*c = (struct control){ 0 };
}

static int line_write(struct buf *out, const char *key, const char *value)
{
	return value ? buf_addf(out, "%s: %s\n", key, value) : 0;
}

int control_write(const struct control *c, struct buf *out)
{
	int failed = line_write(out, "Package", c->name);

	failed |= line_write(out, "Source", c->source);
	failed |= line_write(out, "Version", c->version);
	failed |= line_write(out, "Architecture", c->arch);
	failed |= line_write(out, "Maintainer", c->maintainer);
	return failed;
}
