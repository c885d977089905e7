#include "vpnkit_port.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base64.h"
#include "str.h"

static const char *const proto_names[] = {
	[VPNKIT_TCP] = "tcp",
	[VPNKIT_UDP] = "udp",
	[VPNKIT_UNIX] = "unix",
};

static const char expected[] = "expected tcp:IP:PORT:tcp:IP:PORT, udp:IP:PORT:udp:IP:PORT or unix:BASE64:unix:BASE64";

void vpnkit_port_clear(struct vpnkit_port *p)
{
	free(p->out_path);
	free(p->in_path);
	free(p->annotation);
	*p = (struct vpnkit_port){ 0 };
}

static int text_copy(char **to, const char *from)
{
	*to = from ? strdup(from) : NULL;
	return from && !*to ? -1 : 0;
}

int vpnkit_port_copy(struct vpnkit_port *to, const struct vpnkit_port *from)
{
	*to = *from;
	to->out_path = to->in_path = to->annotation = NULL;
	if (text_copy(&to->out_path, from->out_path) == 0 && text_copy(&to->in_path, from->in_path) == 0 &&
	    text_copy(&to->annotation, from->annotation) == 0)
		return 0;
	vpnkit_port_clear(to);
	return -1;
}

static int proto_parse(const char *name, enum vpnkit_proto *out)
{
	size_t i;

	for (i = VPNKIT_TCP; i < array_len(proto_names); i++) {
		if (str_eq(name, proto_names[i])) {
			*out = (enum vpnkit_proto)i;
			return 0;
		}
	}
	return -1;
}

/* --- text -------------------------------------------------------------------------------------------------------- */

/* Cuts at colons, but not inside of brackets. How many parts there are; `max` + 1: more. */
static size_t spec_cut(char *text, char **parts, size_t max)
{
	size_t count = 1;
	bool inside = false;
	char *p;

	parts[0] = text;
	for (p = text; *p; p++) {
		if (*p == '[' || *p == ']')
			inside = *p == '[';
		if (*p != ':' || inside)
			continue;
		if (count == max)
			return max + 1;
		*p = '\0';
		parts[count++] = p + 1;
	}
	return count;
}

static int port_number(const char *text, uint16_t *out)
{
	uint64_t v;

	if (str_to_u64(text, UINT16_MAX, &v) < 0)
		return -1;
	*out = (uint16_t)v;
	return 0;
}

static int spec_ips(char **parts, struct vpnkit_port *out, struct error *err)
{
	if (vpnkit_ip_parse(parts[1], &out->out_ip) < 0)
		return error_set(err, 0, "\"%s\" is no IP address", parts[1]);
	if (vpnkit_ip_parse(parts[4], &out->in_ip) < 0)
		return error_set(err, 0, "\"%s\" is no IP address", parts[4]);
	if (port_number(parts[2], &out->out_port) < 0)
		return error_set(err, 0, "\"%s\" is no port", parts[2]);
	if (port_number(parts[5], &out->in_port) < 0)
		return error_set(err, 0, "\"%s\" is no port", parts[5]);
	return 0;
}

/* A path that can be connected to: not empty, no zero byte, not too long. */
static int path_check(const char *path, size_t n, struct error *err)
{
	if (n == 0 || n >= VPNKIT_PATH || memchr(path, '\0', n))
		return error_set(err, 0, "a socket's path has 1 to %d bytes, none of them zero", VPNKIT_PATH - 1);
	return 0;
}

static int spec_path(const char *encoded, char **out, struct error *err)
{
	_cleanup_buf_ struct buf b = { 0 };

	if (base64_decode(encoded, strlen(encoded), &b) < 0)
		return error_set(err, errno == EINVAL ? 0 : errno, "\"%s\" is no path in base64", encoded);
	if (path_check(buf_text(&b), b.len, err) < 0)
		return -1;
	*out = buf_steal_text(&b);
	return *out ? 0 : error_set(err, ENOMEM, "port");
}

static int spec_parse(char *copy, const char *text, struct vpnkit_port *out, struct error *err)
{
	char *parts[6];
	size_t count = spec_cut(copy, parts, array_len(parts));
	enum vpnkit_proto second;

	if ((count != 6 && count != 4) || proto_parse(parts[0], &out->proto) < 0 ||
	    proto_parse(parts[count / 2], &second) < 0 || out->proto != second ||
	    (out->proto == VPNKIT_UNIX) != (count == 4))
		return error_set(err, 0, "Failed to parse request [%s], %s", text, expected);
	if (out->proto != VPNKIT_UNIX)
		return spec_ips(parts, out, err);
	if (spec_path(parts[1], &out->out_path, err) < 0)
		return -1;
	return spec_path(parts[3], &out->in_path, err);
}

int vpnkit_port_parse(const char *text, size_t n, struct vpnkit_port *out, struct error *err)
{
	_cleanup_free_ char *copy = NULL, *shown = NULL;
	int r;

	*out = (struct vpnkit_port){ 0 };
	while (n > 0 && strchr(" \t\r\n", text[n - 1]))
		n--;
	if (n > 4 * VPNKIT_PATH || memchr(text, '\0', n))
		return error_set(err, 0, "Failed to parse request, %s", expected);
	copy = strndup(text, n);
	shown = copy ? strdup(copy) : NULL;
	if (!shown)
		return error_set(err, ENOMEM, "port");
	r = spec_parse(copy, shown, out, err);
	if (r < 0)
		vpnkit_port_clear(out);
	return r;
}

static bool ip_is_six(const struct vpnkit_ip *ip)
{
	char text[INET6_ADDRSTRLEN];

	return strchr(vpnkit_ip_text(ip, text, sizeof(text)), ':') != NULL;
}

static int side_add(struct buf *out, const struct vpnkit_ip *ip, uint16_t port)
{
	char text[INET6_ADDRSTRLEN];
	bool six = ip_is_six(ip);

	vpnkit_ip_text(ip, text, sizeof(text));
	return buf_addf(out, "%s%s%s:%u", six ? "[" : "", text, six ? "]" : "", port);
}

int vpnkit_port_spec(const struct vpnkit_port *p, struct buf *out)
{
	const char *name = proto_names[p->proto];
	int r;

	if (p->proto != VPNKIT_UNIX) {
		r = buf_addf(out, "%s:", name);
		r |= side_add(out, &p->out_ip, p->out_port);
		r |= buf_addf(out, ":%s:", name);
		return r | side_add(out, &p->in_ip, p->in_port);
	}
	r = buf_addf(out, "%s:", name);
	r |= base64_encode(p->out_path, strlen(p->out_path), out);
	r |= buf_addf(out, ":%s:", name);
	return r | base64_encode(p->in_path, strlen(p->in_path), out);
}

int vpnkit_port_describe(const struct vpnkit_port *p, struct buf *out)
{
	int r = p->annotation ? buf_addf(out, "%s ", p->annotation) : 0;

	r |= buf_addf(out, "%s forward from ", proto_names[p->proto]);
	if (p->proto == VPNKIT_UNIX)
		return r | buf_addf(out, "%s to %s", p->out_path, p->in_path);
	r |= side_add(out, &p->out_ip, p->out_port);
	r |= buf_addstr(out, " to ");
	return r | side_add(out, &p->in_ip, p->in_port);
}

/* --- JSON -------------------------------------------------------------------------------------------------------- */

/* A member that is there and no string is an error. *out NULL: it is not there. */
static int json_text(const struct jsonr *object, const char *key, char **out, struct error *err)
{
	struct jsonr v = jsonr_get(object, key);

	*out = NULL;
	if (v.type == JSONR_NONE)
		return 0;
	*out = jsonr_text(&v);
	return *out ? 0 : error_set(err, 0, "%s: not a text", key);
}

static int json_ip(const struct jsonr *object, const char *key, struct vpnkit_ip *out, struct error *err)
{
	_cleanup_free_ char *text = NULL;

	if (json_text(object, key, &text, err) < 0)
		return -1;
	if (text && text[0] != '\0' && vpnkit_ip_parse(text, out) < 0)
		return error_set(err, 0, "%s: \"%s\" is no IP address", key, text);
	return 0;
}

static int json_port(const struct jsonr *object, const char *key, uint16_t *out, struct error *err)
{
	struct jsonr v = jsonr_get(object, key);
	uint64_t number = 0;

	if (v.type != JSONR_NONE && (jsonr_u64(&v, &number) < 0 || number > UINT16_MAX))
		return error_set(err, 0, "%s: not a port", key);
	*out = (uint16_t)number;
	return 0;
}

static int json_path(const struct jsonr *object, const char *key, char **out, struct error *err)
{
	if (json_text(object, key, out, err) < 0)
		return -1;
	if (!*out || path_check(*out, strlen(*out), NULL) < 0)
		return error_set(err, 0, "%s: a socket's path has 1 to %d bytes", key, VPNKIT_PATH - 1);
	return 0;
}

static int json_fill(const struct jsonr *object, struct vpnkit_port *out, struct error *err)
{
	_cleanup_free_ char *proto = NULL;

	if (object->type != JSONR_OBJECT)
		return error_set(err, 0, "not an object");
	if (json_text(object, "proto", &proto, err) < 0)
		return -1;
	if (!proto || proto_parse(proto, &out->proto) < 0)
		return error_set(err, 0, "proto: \"%s\" is neither tcp, udp nor unix", proto ? proto : "");
	if (json_text(object, "annotation", &out->annotation, err) < 0)
		return -1;
	if (out->annotation && out->annotation[0] == '\0') {
		free(out->annotation);
		out->annotation = NULL;
	}
	if (out->proto == VPNKIT_UNIX)
		return json_path(object, "out_path", &out->out_path, err) < 0 ||
				json_path(object, "in_path", &out->in_path, err) < 0
			? -1
			: 0;
	if (json_ip(object, "out_ip", &out->out_ip, err) < 0 || json_ip(object, "in_ip", &out->in_ip, err) < 0 ||
	    json_port(object, "out_port", &out->out_port, err) < 0 ||
	    json_port(object, "in_port", &out->in_port, err) < 0)
		return -1;
	return 0;
}

int vpnkit_port_from_json(const struct jsonr *object, struct vpnkit_port *out, struct error *err)
{
	int r;

	*out = (struct vpnkit_port){ 0 };
	r = json_fill(object, out, err);
	if (r < 0)
		vpnkit_port_clear(out);
	return r;
}

int vpnkit_port_parse_json(const char *json, size_t n, struct vpnkit_port *out, struct error *err)
{
	struct jsonr top;

	*out = (struct vpnkit_port){ 0 };
	if (jsonr_parse(json, n, &top, err) < 0)
		return -1;
	return vpnkit_port_from_json(&top, out, err);
}

static void json_side(struct jsonw *w, const char *key, const struct vpnkit_ip *ip, const char *port_key, uint16_t port)
{
	char text[INET6_ADDRSTRLEN];

	if (ip->len > 0)
		jsonw_string(w, key, vpnkit_ip_text(ip, text, sizeof(text)));
	if (port != 0)
		jsonw_uint(w, port_key, port);
}

void vpnkit_port_to_json(const struct vpnkit_port *p, struct jsonw *w, const char *key)
{
	jsonw_object(w, key);
	jsonw_string(w, "proto", proto_names[p->proto]);
	if (p->proto == VPNKIT_UNIX) {
		jsonw_string(w, "out_path", p->out_path);
		jsonw_string(w, "in_path", p->in_path);
	} else {
		json_side(w, "out_ip", &p->out_ip, "out_port", p->out_port);
		json_side(w, "in_ip", &p->in_ip, "in_port", p->in_port);
	}
	if (p->annotation)
		jsonw_string(w, "annotation", p->annotation);
	jsonw_end(w);
}

int vpnkit_port_destination(const struct vpnkit_port *p, struct vpnkit_destination *to, struct error *err)
{
	to->proto = p->proto;
	to->ip = p->in_ip;
	to->port = p->in_port;
	to->path[0] = '\0';
	if (p->proto != VPNKIT_UNIX)
		return 0;
	if (path_check(p->in_path, strlen(p->in_path), err) < 0)
		return -1;
	memcpy(to->path, p->in_path, strlen(p->in_path) + 1);
	return 0;
}
