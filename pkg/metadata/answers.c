/* What answers of single sources on the network mean. */
#include <errno.h>
#include <string.h>

#include "jsonr.h"
#include "provider.h"
#include "str.h"

/* --- keys -----------------------------------------------------------------------------------------------------------
 */

/* The texts of a list, one a line. */
static int list_lines(const struct jsonr *list, struct buf *out, struct error *err)
{
	struct jsonr_iter it = jsonr_iter(list);
	struct jsonr value;

	while (list->type == JSONR_ARRAY && jsonr_element(&it, &value)) {
		_cleanup_free_ char *key = jsonr_text(&value);

		if (key && buf_addf(out, "%.*s\n", (int)strcspn(key, "\r\n"), key) < 0)
			return error_set(err, ENOMEM, "keys");
	}
	return 0;
}

int keys_from_json(const struct buf *answer, struct buf *value, struct error *err)
{
	struct jsonr list;

	if (jsonr_parse(buf_text(answer), answer->len, &list, err) < 0)
		return -1;
	if (list.type != JSONR_ARRAY)
		return error_set(err, 0, "the keys are no list");
	return list_lines(&list, value, err);
}

int keys_from_google(const struct buf *answer, struct buf *value, struct error *err)
{
	const char *at = buf_text(answer), *end = at + answer->len;

	while (at < end) {
		const char *line_end = memchr(at, '\n', (size_t)(end - at)), *colon;

		line_end = line_end ? line_end : end;
		colon = memchr(at, ':', (size_t)(line_end - at));
		if (colon &&
		    (buf_add(value, colon + 1, (size_t)(line_end - colon - 1)) < 0 || buf_add(value, "\n", 1) < 0))
			return error_set(err, ENOMEM, "keys");
		at = line_end + 1;
	}
	return 0;
}

/* One that boots the machine by iPXE is not for what was booted. 1: there is none then. */
int userdata_not_ipxe(const struct buf *answer, struct buf *value, struct error *err)
{
	static const char ipxe[] = "#!ipxe";

	if (answer->len == 0 || str_starts(buf_text(answer), ipxe))
		return 1;
	return buf_add(value, buf_bytes(answer), answer->len) < 0 ? error_set(err, ENOMEM, "userdata") : 0;
}

/* --- Scaleway -------------------------------------------------------------------------------------------------------
 */

/* The value of a line "NAME=VALUE"; NULL: there is none. */
static const char *line_find(const struct buf *text, const char *name, size_t *n)
{
	const char *at = buf_text(text), *end = at + text->len;
	size_t len = strlen(name);

	while (at < end) {
		const char *line_end = memchr(at, '\n', (size_t)(end - at));

		line_end = line_end ? line_end : end;
		if ((size_t)(line_end - at) > len && memcmp(at, name, len) == 0 && at[len] == '=') {
			*n = (size_t)(line_end - at) - len - 1;
			return at + len + 1;
		}
		at = line_end + 1;
	}
	return NULL;
}

static int scaleway_keys(const struct buf *text, struct findings *out, struct error *err)
{
	_cleanup_buf_ struct buf keys = { 0 };
	size_t n;
	const char *value = line_find(text, "SSH_PUBLIC_KEYS", &n);

	if (!value)
		return 0;
	/* as many as there are: what the count says is of no use */
	for (unsigned i = 0;; i++) {
		char name[40];

		snprintf(name, sizeof(name), "SSH_PUBLIC_KEYS_%u_KEY", i);
		value = line_find(text, name, &n);
		if (!value)
			break;
		while (n > 0 && *value == '\'') {
			value++;
			n--;
		}
		while (n > 0 && value[n - 1] == '\'')
			n--;
		if (buf_add(&keys, value, n) < 0 || buf_add(&keys, "\n", 1) < 0)
			return error_set(err, ENOMEM, "keys");
		if (keys.len > FINDING_MAX)
			return error_say(err, EFBIG, "the keys have more than %d bytes", FINDING_MAX);
	}
	return findings_add(out, FINDING_KEYS, buf_text(&keys), keys.len, err);
}

int scaleway_digest(const struct buf *answer, struct findings *out, struct error *err)
{
	static const struct {
		const char *line, *file;
		bool required;
	} lines[] = {
		{ "HOSTNAME", FINDING_HOSTNAME, true },
		{ "ID", "instance_id", true },
		{ "LOCATION_ZONE_ID", "instance_location", true },
		{ "PUBLIC_IP_ADDRESS", "public_ip", false },
		{ "PRIVATE_IP", "private_ip", true },
	};

	for (size_t i = 0; i < array_len(lines); i++) {
		size_t n;
		const char *value = line_find(answer, lines[i].line, &n);

		if (!value && lines[i].required)
			return error_set(err, 0, "no %s", lines[i].line);
		if (value && findings_add(out, lines[i].file, value, n, err) < 0)
			return -1;
	}
	return scaleway_keys(answer, out, err);
}

/* --- Equinix Metal --------------------------------------------------------------------------------------------------
 */

int equinix_digest(const struct buf *answer, struct findings *out, struct error *err)
{
	_cleanup_free_ char *hostname = NULL, *said = NULL;
	_cleanup_buf_ struct buf keys = { 0 };
	struct jsonr root, value;

	if (jsonr_parse(buf_text(answer), answer->len, &root, err) < 0)
		return -1;
	value = jsonr_get(&root, "error");
	said = jsonr_text(&value);
	if (said && *said)
		return error_set(err, 0, "%.200s", said);
	value = jsonr_get(&root, "hostname");
	hostname = jsonr_text(&value);
	if (!hostname)
		return error_set(err, 0, "no hostname");
	value = jsonr_get(&root, "ssh_keys");
	if (list_lines(&value, &keys, err) < 0)
		return -1;
	return findings_add(out, FINDING_HOSTNAME, hostname, strlen(hostname), err) < 0
		? -1
		: findings_add(out, FINDING_KEYS, buf_text(&keys), keys.len, err);
}
