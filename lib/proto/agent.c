#include "agent.h"

#include <errno.h>
#include <string.h>

#include "jsonr.h"
#include "jsonw.h"
#include "str.h"

/* --- frames ------------------------------------------------------------------------------------------------------- */

/* Payload lengths of each type: from, to. A type without a row is none. */
static const struct {
	bool known;
	uint32_t least, most;
} shapes[] = {
	[AGENT_REQUEST] = { true, 2, AGENT_PAYLOAD },
	[AGENT_INPUT] = { true, 1, AGENT_PAYLOAD },
	[AGENT_INPUT_END] = { true, 0, 0 },
	[AGENT_RESIZE] = { true, 4, 4 },
	[AGENT_SIGNAL] = { true, 4, 4 },
	[AGENT_SECRET] = { true, FIFO_SECRET, FIFO_SECRET },
	[AGENT_CLOCK] = { true, 8, 8 },
	[AGENT_STARTED] = { true, 0, 0 },
	[AGENT_OUTPUT] = { true, 1, AGENT_PAYLOAD },
	[AGENT_ERRORS] = { true, 1, AGENT_PAYLOAD },
	[AGENT_TAKEN] = { true, 4, 4 },
	[AGENT_EXITED] = { true, 4, 4 },
	[AGENT_FAILED] = { true, 4, AGENT_PAYLOAD },
	[AGENT_TIME] = { true, 8, 8 },
};

static uint32_t u32_get(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void u32_put(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

int agent_frame_parse(const void *bytes, size_t n, struct agent_frame *out, size_t *used, struct error *err)
{
	const uint8_t *p = bytes;
	uint32_t len;
	uint8_t type;

	if (n < AGENT_HEADER)
		return 0;
	len = u32_get(p);
	type = p[4];
	if (type >= array_len(shapes) || !shapes[type].known || p[5] || p[6] || p[7])
		return error_set(err, EPROTO, "frame of type %u", type);
	if (len < shapes[type].least || len > shapes[type].most)
		return error_set(err, EPROTO, "frame of type %u: %u bytes", type, len);
	if (n - AGENT_HEADER < len)
		return 0;
	p += AGENT_HEADER;
	*out = (struct agent_frame){ .type = type, .data = p, .len = len };
	if (type == AGENT_RESIZE) {
		out->rows = (uint16_t)(p[0] << 8 | p[1]);
		out->columns = (uint16_t)(p[2] << 8 | p[3]);
	} else if (shapes[type].least == 4) {
		out->number = u32_get(p);
	} else if (shapes[type].least == 8) {
		out->ns = (uint64_t)u32_get(p) << 32 | u32_get(p + 4);
	}
	if (type == AGENT_FAILED) {
		out->data += 4;
		out->len -= 4;
	}
	*used = AGENT_HEADER + len;
	return 1;
}

/* Header and payload in two parts; either may be empty. */
static int agent_add(struct buf *b, enum agent_type type, const void *first, size_t first_len, const void *rest,
		     size_t rest_len)
{
	size_t len = first_len + rest_len;
	uint8_t *p = buf_reserve(b, AGENT_HEADER + len);

	if (!p)
		return -1;
	u32_put(p, (uint32_t)len);
	p[4] = (uint8_t)type;
	p[5] = p[6] = p[7] = 0;
	if (first_len)
		memcpy(p + AGENT_HEADER, first, first_len);
	if (rest_len)
		memcpy(p + AGENT_HEADER + first_len, rest, rest_len);
	buf_commit(b, AGENT_HEADER + len);
	return 0;
}

int agent_frame_add(struct buf *b, enum agent_type type, const void *data, size_t len)
{
	return agent_add(b, type, data, len, NULL, 0);
}

int agent_frame_number(struct buf *b, enum agent_type type, uint32_t number)
{
	uint8_t bytes[4];

	u32_put(bytes, number);
	return agent_add(b, type, bytes, sizeof(bytes), NULL, 0);
}

int agent_frame_ns(struct buf *b, enum agent_type type, uint64_t ns)
{
	uint8_t bytes[8];

	u32_put(bytes, (uint32_t)(ns >> 32));
	u32_put(bytes + 4, (uint32_t)ns);
	return agent_add(b, type, bytes, sizeof(bytes), NULL, 0);
}

int agent_frame_resize(struct buf *b, uint16_t rows, uint16_t columns)
{
	return agent_frame_number(b, AGENT_RESIZE, (uint32_t)rows << 16 | columns);
}

int agent_frame_failed(struct buf *b, uint32_t status, const char *text)
{
	size_t n = strlen(text);
	uint8_t bytes[4];

	u32_put(bytes, status);
	return agent_add(b, AGENT_FAILED, bytes, sizeof(bytes), text, n < 4096 ? n : 4096);
}

/* --- the request -------------------------------------------------------------------------------------------------- */

void agent_request_clear(struct agent_request *r)
{
	free(r->service);
	free(r->user);
	free(r->workdir);
	strv_free(r->args);
	strv_free(r->env);
	*r = (struct agent_request){ 0 };
}

static int get_text(const struct jsonr *o, const char *key, char **out, struct error *err)
{
	struct jsonr v = jsonr_get(o, key);

	if (v.type == JSONR_NONE)
		return 0;
	*out = jsonr_text(&v);
	return *out ? 0 : error_set(err, errno, "%s", key);
}

static int get_texts(const struct jsonr *o, const char *key, char ***out, struct error *err)
{
	struct jsonr list = jsonr_get(o, key), v;
	struct jsonr_iter it = jsonr_iter(&list);

	if (list.type != JSONR_NONE && list.type != JSONR_ARRAY)
		return error_set(err, EINVAL, "%s", key);
	while (jsonr_element(&it, &v)) {
		char *text = jsonr_text(&v);

		if (!text || strv_take(out, text) < 0)
			return error_set(err, errno, "%s", key);
	}
	return 0;
}

static int get_bool(const struct jsonr *o, const char *key, bool *out, struct error *err)
{
	struct jsonr v = jsonr_get(o, key);

	if (v.type != JSONR_NONE && v.type != JSONR_TRUE && v.type != JSONR_FALSE)
		return error_set(err, EINVAL, "%s", key);
	*out = v.type == JSONR_TRUE;
	return 0;
}

static int get_u16(const struct jsonr *o, const char *key, uint16_t *out, struct error *err)
{
	struct jsonr v = jsonr_get(o, key);
	uint64_t n = 0;

	if (v.type != JSONR_NONE && (jsonr_u64(&v, &n) < 0 || n > UINT16_MAX))
		return error_set(err, EINVAL, "%s", key);
	*out = (uint16_t)n;
	return 0;
}

static int request_read(const struct jsonr *o, struct agent_request *r, struct error *err)
{
	if (o->type != JSONR_OBJECT)
		return error_set(err, EINVAL, "not an object");
	if (get_text(o, "service", &r->service, err) < 0 || get_texts(o, "args", &r->args, err) < 0 ||
	    get_texts(o, "env", &r->env, err) < 0 || get_text(o, "user", &r->user, err) < 0 ||
	    get_text(o, "workdir", &r->workdir, err) < 0 || get_bool(o, "terminal", &r->terminal, err) < 0 ||
	    get_bool(o, "hangup", &r->hangup, err) < 0 || get_u16(o, "rows", &r->rows, err) < 0 ||
	    get_u16(o, "columns", &r->columns, err) < 0)
		return -1;
	if (strv_len(r->args) == 0)
		return error_set(err, EINVAL, "args");
	/* It becomes part of paths. */
	if (r->service && (!*r->service || r->service[0] == '.' || strchr(r->service, '/')))
		return error_set(err, EINVAL, "service '%s'", r->service);
	if (r->workdir && r->workdir[0] != '/')
		return error_set(err, EINVAL, "workdir '%s': not absolute", r->workdir);
	for (char **e = r->env; e && *e; e++)
		if (**e == '=' || !strchr(*e, '='))
			return error_set(err, EINVAL, "env '%s': not NAME=VALUE", *e);
	return 0;
}

int agent_request_parse(const void *json, size_t n, struct agent_request *out, struct error *err)
{
	struct jsonr o;

	*out = (struct agent_request){ 0 };
	if (jsonr_parse(json, n, &o, err) == 0 && request_read(&o, out, err) == 0)
		return 0;
	agent_request_clear(out);
	return error_wrap(err, "request");
}

/* JSON cannot carry other bytes. */
static int texts_check(char *const *texts, struct error *err)
{
	for (; texts && *texts; texts++)
		for (const char *p = *texts; *p; p += utf8_char(p, strlen(p)))
			if (utf8_char(p, strlen(p)) == 0)
				return error_say(err, EILSEQ, "'%s' is not UTF-8", *texts);
	return 0;
}

int agent_request_add(struct buf *b, const struct agent_request *r, struct error *err)
{
	_cleanup_buf_ struct buf text = { 0 };
	struct jsonw w = { .out = &text };

	if (texts_check(r->args, err) < 0 || texts_check(r->env, err) < 0)
		return -1;
	jsonw_object(&w, NULL);
	if (r->service)
		jsonw_string(&w, "service", r->service);
	jsonw_strings(&w, "args", r->args);
	if (r->env)
		jsonw_strings(&w, "env", r->env);
	if (r->user)
		jsonw_string(&w, "user", r->user);
	if (r->workdir)
		jsonw_string(&w, "workdir", r->workdir);
	jsonw_bool(&w, "terminal", r->terminal);
	jsonw_bool(&w, "hangup", r->hangup);
	jsonw_uint(&w, "rows", r->rows);
	jsonw_uint(&w, "columns", r->columns);
	jsonw_end(&w);
	if (jsonw_done(&w) < 0)
		return error_set(err, ENOMEM, "request");
	if (text.len > AGENT_PAYLOAD)
		return error_say(err, E2BIG, "the command with its environment is too long (%zu bytes; at most %d)",
				 text.len, AGENT_PAYLOAD);
	return agent_frame_add(b, AGENT_REQUEST, buf_bytes(&text), text.len) < 0 ? error_set(err, ENOMEM, "request")
										 : 0;
}

/* --- fifos -------------------------------------------------------------------------------------------------------- */

/* Bytes of the line, newline included; 0: not complete; -1: too long. */
static int line_length(const char *text, size_t n)
{
	const char *end = memchr(text, '\n', n < FIFO_LINE ? n : FIFO_LINE);

	if (end)
		return (int)(end - text) + 1;
	return n < FIFO_LINE ? 0 : -1;
}

/* Absolute, and each part is a name. */
static bool path_plain(const char *path)
{
	const char *p = path;

	if (*p != '/')
		return false;
	while (*p) {
		size_t n = strcspn(++p, "/");

		if (n == 0 || (n <= 2 && strncmp(p, "..", n) == 0))
			return false;
		p += n;
	}
	return true;
}

bool fifo_secret_valid(const char *text, size_t n)
{
	size_t i;

	for (i = 0; i < n && ((text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f')); i++)
		;
	return n == FIFO_SECRET && i == n;
}

int fifo_request_parse(const void *bytes, size_t n, struct fifo_request *out, size_t *used, struct error *err)
{
	static const struct {
		const char *word;
		bool write;
	} words[] = { { "read ", false }, { "write ", true } };
	const char *text = bytes;
	int line = line_length(text, n);
	size_t i;

	if (line <= 0)
		return line == 0 ? 0 : error_set(err, EPROTO, "request for a fifo");
	for (i = 0; i < array_len(words); i++) {
		size_t skip = strlen(words[i].word), len;

		if ((size_t)line <= skip || memcmp(text, words[i].word, skip) != 0)
			continue;
		len = (size_t)line - 1 - skip;
		out->secret[0] = '\0';
		if (len > FIFO_SECRET && text[skip + FIFO_SECRET] == ' ' &&
		    fifo_secret_valid(text + skip, FIFO_SECRET)) {
			memcpy(out->secret, text + skip, FIFO_SECRET);
			out->secret[FIFO_SECRET] = '\0';
			skip += FIFO_SECRET + 1;
			len -= FIFO_SECRET + 1;
		}
		if (len >= sizeof(out->path) || memchr(text, '\0', (size_t)line))
			break;
		out->write = words[i].write;
		memcpy(out->path, text + skip, len);
		out->path[len] = '\0';
		if (!path_plain(out->path))
			break;
		*used = (size_t)line;
		return 1;
	}
	return error_set(err, EPROTO, "request for a fifo");
}

int fifo_answer_parse(const void *bytes, size_t n, size_t *used, struct error *err)
{
	static const char word[] = "error ";
	const char *text = bytes;
	int line = line_length(text, n);

	if (line == 0)
		return 0;
	if (line == 3 && memcmp(text, "ok\n", 3) == 0) {
		*used = 3;
		return 1;
	}
	if (line == 6 && memcmp(text, "again\n", 6) == 0) {
		*used = 6;
		return FIFO_AGAIN;
	}
	if (line > (int)sizeof(word) && memcmp(text, word, sizeof(word) - 1) == 0)
		return error_say(err, ENOENT, "%.*s", line - (int)sizeof(word), text + sizeof(word) - 1);
	return error_set(err, EPROTO, "the host's answer about a fifo");
}
