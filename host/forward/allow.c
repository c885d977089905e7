#include "allow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "str.h"

enum { FREE_FIRST = 1024 };

static const struct vpnkit_ip loopback = { 4, { 127, 0, 0, 1 } }, loopback6 = { 16, { [15] = 1 } };

static int rule_refuse(const char *text, const char *why, struct error *err)
{
	return error_set(err, 0, "\"%s\": %s: write [ADDRESS:]PORT[-PORT][/tcp|/udp], as in 127.0.0.1:8000-8999", text,
			 why);
}

static int range_parse(char *text, struct allow_rule *r)
{
	char *last = strchr(text, '-');
	uint64_t from, to;

	if (last)
		*last++ = '\0';
	if (str_to_u64(text, UINT16_MAX, &from) < 0 || str_to_u64(last ? last : text, UINT16_MAX, &to) < 0 ||
	    from == 0 || to < from)
		return -1;
	r->first = (uint16_t)from;
	r->last = (uint16_t)to;
	return 0;
}

static int rule_parse(const char *text, struct allow_rule *r, struct error *err)
{
	_cleanup_free_ char *copy = strdup(text);
	char *proto = copy ? strchr(copy, '/') : NULL, *ports = copy ? strrchr(copy, ':') : NULL;

	if (!copy)
		return error_set(err, ENOMEM, "%s", text);
	*r = (struct allow_rule){ .ip = loopback, .tcp = true, .udp = true };
	if (proto) {
		*proto++ = '\0';
		r->tcp = str_eq(proto, "tcp");
		r->udp = str_eq(proto, "udp");
		if (!r->tcp && !r->udp)
			return rule_refuse(text, "the protocol is tcp or udp", err);
	}
	r->loopback = !ports;
	if (ports) {
		*ports++ = '\0';
		if (vpnkit_ip_parse(copy, &r->ip) < 0 || r->ip.len == 0)
			return rule_refuse(text, "that is no address", err);
	}
	if (range_parse(ports ? ports : copy, r) < 0)
		return rule_refuse(text, "ports are numbers from 1 to 65535", err);
	return 0;
}

int allow_parse(const char *text, struct allow *out, struct error *err)
{
	_cleanup_strv_ char **words = strv_split(text, ",");

	*out = (struct allow){ 0 };
	if (!words)
		return error_set(err, ENOMEM, "%s", text);
	if (words[0] && !words[1] && str_eq(words[0], "none"))
		return 0;
	out->rules = calloc(strv_len(words) + 1, sizeof(*out->rules));
	if (!out->rules)
		return error_set(err, ENOMEM, "%s", text);
	for (char **w = words; *w; w++) {
		if (rule_parse(*w, &out->rules[out->count], err) < 0)
			return -1;
		out->count++;
	}
	return out->count == 0 ? rule_refuse(text, "nothing is said", err) : 0;
}

void allow_free(struct allow *a)
{
	free(a->rules);
	*a = (struct allow){ 0 };
}

static bool ip_any(const struct vpnkit_ip *ip)
{
	static const uint8_t zero[sizeof(ip->bytes)];

	return memcmp(ip->bytes, zero, ip->len) == 0;
}

/* The rule is for these addresses: its own, those of both families where it names none, or all of them. */
static bool rule_has(const struct allow_rule *r, const struct vpnkit_ip *ip)
{
	return vpnkit_ip_equal(&r->ip, ip) || (r->loopback && vpnkit_ip_equal(&loopback6, ip)) ||
		(r->ip.len == 4 && ip_any(&r->ip));
}

static bool rules_have(const struct allow *a, const struct vpnkit_port *p, const struct vpnkit_ip *ip)
{
	uint16_t first = p->out_port ? p->out_port : FREE_FIRST, last = p->out_port ? p->out_port : UINT16_MAX;

	for (size_t i = 0; i < a->count; i++) {
		const struct allow_rule *r = &a->rules[i];

		if ((p->proto == VPNKIT_TCP ? r->tcp : r->udp) && r->first <= first && last <= r->last &&
		    rule_has(r, ip))
			return true;
	}
	return false;
}

bool allow_check(const struct allow *a, const struct vpnkit_port *port, struct vpnkit_ip *ip)
{
	static const struct vpnkit_ip all = { .len = 4 };

	*ip = port->out_ip.len ? port->out_ip : all;
	if (port->proto != VPNKIT_TCP && port->proto != VPNKIT_UDP)
		return false;
	if (rules_have(a, port, ip))
		return true;
	if (!ip_any(ip))
		return false;
	*ip = ip->len == 4 ? loopback : loopback6;
	return rules_have(a, port, ip);
}
