#include "cloudinit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "encoding.h"
#include "str.h"
#include "yamltree.h"

bool cloudinit_is_config(const char *text, size_t n)
{
	static const char first[] = "#cloud-config";
	size_t len = sizeof(first) - 1;

	return n >= len && memcmp(text, first, len) == 0 && (n == len || strchr(" \t\r\n", text[len]));
}

/* --- write_files ----------------------------------------------------------------------------------------------------
 */

enum coding {
	CODED_BASE64 = 1,
	CODED_GZIP = 2,
};

static int coding_parse(const char *name, unsigned *out, struct error *err)
{
	static const struct {
		const char *name;
		unsigned coding;
	} known[] = {
		{ "text/plain", 0 },
		{ "b64", CODED_BASE64 },
		{ "base64", CODED_BASE64 },
		{ "gz", CODED_GZIP },
		{ "gzip", CODED_GZIP },
		{ "gz+b64", CODED_BASE64 | CODED_GZIP },
		{ "gz+base64", CODED_BASE64 | CODED_GZIP },
		{ "gzip+b64", CODED_BASE64 | CODED_GZIP },
		{ "gzip+base64", CODED_BASE64 | CODED_GZIP },
	};

	for (size_t i = 0; i < array_len(known); i++)
		if (strcasecmp(name, known[i].name) == 0) {
			*out = known[i].coding;
			return 0;
		}
	return error_set(err, 0, "its encoding \"%.20s\" is not known", name);
}

static int content_decode(const struct ynode *content, unsigned coding, struct buf *out, struct error *err)
{
	_cleanup_buf_ struct buf packed = { 0 };
	struct buf *first = coding & CODED_GZIP ? &packed : out;

	if (content->kind != YNODE_SCALAR)
		return error_set(err, 0, "its content is no text");
	if (content->binary)
		coding |= CODED_BASE64;
	if (coding & CODED_BASE64) {
		if (base64_decode(content->text, content->len, first, err) < 0)
			return -1;
	} else if (buf_add(first, content->text, content->len) < 0) {
		return error_set(err, ENOMEM, "its content");
	}
	return coding & CODED_GZIP ? gzip_unpack(buf_bytes(&packed), packed.len, USERDATA_MAX, out, err) : 0;
}

/* A plain number is octal only with a 0 in front, as YAML has it. */
static int permissions_parse(const struct ynode *n, mode_t *out, struct error *err)
{
	const char *text = ynode_text(n);

	if (!text || (n->plain && text[0] != '0'))
		return error_set(err, 0, "its permissions are no text of octal digits, as in '0644'");
	return mode_parse(text[0] == '0' && text[1] == 'o' ? text + 2 : text, out, err);
}

static bool id_parse(const char *name, size_t n, uint32_t *out)
{
	_cleanup_free_ char *text = strndup(name, n);
	uint64_t id;

	if (text && str_eq(text, "root"))
		id = 0;
	else if (!text || str_to_u64(text, UINT32_MAX - 1, &id) < 0)
		return false;
	*out = (uint32_t)id;
	return true;
}

/* "root:root", "1000:1000", "1000": names need a list of users, and there is none. */
static bool owner_parse(const char *owner, struct sink_file *file)
{
	size_t n = strcspn(owner, ":");
	const char *group = owner[n] ? owner + n + 1 : owner;

	return id_parse(owner, n, &file->uid) && id_parse(group, owner[n] ? strlen(group) : n, &file->gid);
}

static int place_find(char out[SINK_PATH_MAX], const char *path, struct error *err)
{
	static const char here[] = "/run/config/";

	if (str_starts(path, here))
		return path_join(out, "", path + sizeof(here) - 1, err);
	if (path[0] != '/')
		return error_set(err, 0, "its path is not absolute");
	return path_join(out, "files", path + 1, err);
}

static int file_put(const struct ynode *item, const char *path, const struct sink *sink, struct error *err)
{
	const struct ynode *content = ynode_get(item, "content"), *permissions = ynode_get(item, "permissions");
	const char *coding_name = ynode_text(ynode_get(item, "encoding")),
		   *owner = ynode_text(ynode_get(item, "owner")), *append = ynode_text(ynode_get(item, "append"));
	struct sink_file file = { .mode = 0644, .append = append && strcasecmp(append, "true") == 0 };
	_cleanup_buf_ struct buf bytes = { 0 };
	char place[SINK_PATH_MAX];
	unsigned coding = 0;

	if (place_find(place, path, err) < 0 || (coding_name && coding_parse(coding_name, &coding, err) < 0) ||
	    (permissions && permissions_parse(permissions, &file.mode, err) < 0) ||
	    (content && content_decode(content, coding, &bytes, err) < 0))
		return -1;
	if (owner && !owner_parse(owner, &file)) {
		file.uid = file.gid = SINK_ROOT;
		sink->say(sink->data, path, "it belongs to root: of owners only numbers can be had");
	}
	file.path = place;
	file.data = buf_text(&bytes);
	file.n = bytes.len;
	return sink->file(sink->data, &file, err);
}

static void files_put(const struct ynode *list, const struct sink *sink)
{
	size_t count = 0;

	if (list->kind != YNODE_LIST)
		sink->say(sink->data, "write_files", "it is no list");
	for (const struct ynode *n = list->kind == YNODE_LIST ? ynode_children(list) : NULL; n; n = n->next) {
		_cleanup_error_ struct error err = { 0 };
		const char *path = ynode_text(ynode_get(n, "path"));

		if (++count > SINK_ENTRIES_MAX) {
			sink->say(sink->data, "write_files", "it has more than 100,000 entries: the rest is left out");
			return;
		}
		if (!path)
			error_set(&err, 0, "line %zu: a file has no path", n->line);
		else if (file_put(n, path, sink, &err) == 0)
			continue;
		sink->say(sink->data, path ? path : "write_files", error_text(&err));
	}
}

/* --- the other keys ------------------------------------------------------------------------------------------------
 */

/* A list of texts, or one, a line each. Others are left out. */
static int lines_add(const struct ynode *n, struct buf *out)
{
	const char *text = ynode_text(n);
	int r = 0;

	if (text)
		return buf_addf(out, "%.*s\n", (int)strcspn(text, "\r\n"), text);
	n = ynode_real(n);
	for (const struct ynode *c = n && n->kind == YNODE_LIST ? n->first : NULL; c && r == 0; c = c->next) {
		text = ynode_text(c);
		if (text && *text)
			r = buf_addf(out, "%.*s\n", (int)strcspn(text, "\r\n"), text);
	}
	return r;
}

static int keys_put(const struct ynode *list, const struct findings *found, const struct sink *sink, struct error *err)
{
	struct sink_file file = { .path = FINDING_KEYS, .mode = 0600 };
	_cleanup_buf_ struct buf keys = { 0 };
	int r = 0;

	for (size_t i = 0; i < found->count && r == 0; i++)
		if (str_eq(found->list[i].name, FINDING_KEYS)) {
			const struct buf *b = &found->list[i].text;

			r = buf_add(&keys, buf_bytes(b), b->len);
			if (r == 0 && b->len > 0 && buf_bytes(b)[b->len - 1] != '\n')
				r = buf_add(&keys, "\n", 1);
		}
	if (r < 0 || lines_add(list, &keys) < 0)
		return error_set(err, ENOMEM, "ssh_authorized_keys");
	file.data = buf_text(&keys);
	file.n = keys.len;
	return sink->file(sink->data, &file, err);
}

static int hostname_put(const struct ynode *root, const struct sink *sink, struct error *err)
{
	const char *name = ynode_text(ynode_get(root, "hostname")), *full = ynode_text(ynode_get(root, "fqdn"));
	struct sink_file file = { .path = FINDING_HOSTNAME, .mode = 0644, .data = name };

	if (!name && !full)
		return 0;
	file.data = name ? name : full;
	file.n = name ? strlen(name) : strcspn(full, ".");
	return sink->file(sink->data, &file, err);
}

/* Commands get a line of their own, all else that is not understood one together. */
static void rest_say(const struct ynode *root, const struct sink *sink)
{
	static const char *const known[] = { "hostname", "fqdn", "preserve_hostname", "ssh_authorized_keys",
					     "write_files" };
	_cleanup_buf_ struct buf names = { 0 };

	for (const struct ynode *k = ynode_children(root); k && k->next; k = k->next->next) {
		const char *key = ynode_text(k);
		size_t i;

		for (i = 0; key && i < array_len(known) && !str_eq(key, known[i]); i++)
			;
		if (!key || i < array_len(known))
			continue;
		if (str_eq(key, "runcmd") || str_eq(key, "bootcmd"))
			sink->say(sink->data, key,
				  "commands are not run: an onboot container or a service does that here");
		else if (names.len < 200)
			buf_addf(&names, "%s%.40s", names.len ? ", " : "", key);
	}
	if (names.len)
		sink->say(sink->data, buf_text(&names), "not understood, and left out");
}

int cloudinit_config(const char *text, size_t n, const struct findings *found, const struct sink *sink,
		     struct error *err)
{
	_cleanup_arena_ struct arena arena = { 0 };
	_cleanup_error_ struct error own = { 0 };
	const struct ynode *keys, *files;
	struct ynode *root;

	if (yamltree_parse(text, n, &arena, &root, err) < 0)
		return -1;
	if (!root)
		return 0;
	if (root->kind != YNODE_MAP)
		return error_set(err, 0, "line %zu: keys with values are wanted", root->line);
	keys = ynode_get(root, "ssh_authorized_keys");
	files = ynode_get(root, "write_files");
	if (hostname_put(root, sink, &own) < 0)
		sink->say(sink->data, "hostname", error_text(&own));
	if (keys && keys_put(keys, found, sink, &own) < 0)
		sink->say(sink->data, "ssh_authorized_keys", error_text(&own));
	if (files)
		files_put(files, sink);
	rest_say(root, sink);
	return 0;
}

/* --- meta-data -----------------------------------------------------------------------------------------------------
 */

static int text_find(const struct ynode *root, const char *key, const char *name, struct findings *out,
		     struct error *err)
{
	const char *text = ynode_text(ynode_get(root, key));

	return text ? findings_add(out, name, text, strlen(text), err) : 0;
}

int cloudinit_metadata(const char *text, size_t n, struct findings *out, struct error *err)
{
	_cleanup_arena_ struct arena arena = { 0 };
	_cleanup_buf_ struct buf keys = { 0 };
	struct ynode *root;

	if (yamltree_parse(text, n, &arena, &root, err) < 0)
		return -1;
	if (lines_add(ynode_get(root, "public-keys"), &keys) < 0)
		return error_set(err, ENOMEM, "public-keys");
	if (text_find(root, "instance-id", "instance_id", out, err) < 0 ||
	    text_find(root, "local-hostname", FINDING_HOSTNAME, out, err) < 0)
		return -1;
	return keys.len ? findings_add(out, FINDING_KEYS, buf_text(&keys), keys.len, err) : 0;
}

/* --- the serial number ---------------------------------------------------------------------------------------------
 */

void cloudinit_seed_clear(struct cloudinit_seed *s)
{
	free(s->from);
	free(s->hostname);
	free(s->instance);
	*s = (struct cloudinit_seed){ 0 };
}

static char **seed_field(struct cloudinit_seed *s, const char *key)
{
	if (str_eq(key, "s") || str_eq(key, "seedfrom"))
		return &s->from;
	if (str_eq(key, "h") || str_eq(key, "local-hostname"))
		return &s->hostname;
	return str_eq(key, "i") || str_eq(key, "instance-id") ? &s->instance : NULL;
}

int cloudinit_seed_parse(const char *serial, struct cloudinit_seed *out, struct error *err)
{
	_cleanup_strv_ char **parts = strv_split(serial, ";");

	*out = (struct cloudinit_seed){ 0 };
	if (!parts)
		return error_set(err, ENOMEM, "serial number");
	if (!parts[0] || (!str_eq(parts[0], "ds=nocloud") && !str_eq(parts[0], "ds=nocloud-net")))
		return 0;
	for (char **p = parts + 1; *p; p++) {
		char *value = strchr(*p, '=');
		char **field;

		if (!value)
			continue;
		*value++ = '\0';
		field = seed_field(out, *p);
		if (!field)
			continue;
		free(*field);
		*field = strdup(value);
		if (!*field) {
			cloudinit_seed_clear(out);
			return error_set(err, ENOMEM, "serial number");
		}
	}
	return 1;
}
