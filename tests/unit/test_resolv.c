/* resolv.conf from what a DHCP server or a router says. */
#include "resolv.h"

#include "str.h"
#include "tap.h"

struct variable {
	const char *name, *value;
};

static const char *get(void *data, const char *name)
{
	const struct variable *v = data;

	for (; v->name; v++)
		if (str_eq(v->name, name))
			return v->value;
	return NULL;
}

static const struct {
	const char *what;
	struct variable variables[6];
	const char *text;
} rows[] = {
	{ "nothing", { { 0 } }, "" },
	{ "one server and a domain",
	  { { "new_domain_name_servers", "10.0.2.3" }, { "new_domain_name", "example.org" } },
	  "search example.org\nnameserver 10.0.2.3\n" },
	{ "at most three servers, each once",
	  { { "new_domain_name_servers", "1.1.1.1 2.2.2.2  1.1.1.1\t3.3.3.3 4.4.4.4" } },
	  "nameserver 1.1.1.1\nnameserver 2.2.2.2\nnameserver 3.3.3.3\n" },
	{ "DHCP, DHCPv6, router advertisements, in this order",
	  { { "nd1_rdnss1_servers", "fe80::1%eth0" },
	    { "new_dhcp6_name_servers", "2001:db8::1" },
	    { "new_domain_name_servers", "1.1.1.1" } },
	  "nameserver 1.1.1.1\nnameserver 2001:db8::1\nnameserver fe80::1%eth0\n" },
	{ "search lists before the domain",
	  { { "new_domain_name", "c.org" }, { "new_domain_search", "a.org b.org a.org" } },
	  "search a.org b.org c.org\n" },
	{ "servers that are no addresses",
	  { { "new_domain_name_servers", "1.1.1 256.1.1.1 x fe80::1% %eth0 1.1.1.1%eth0 ::g 8.8.8.8" } },
	  "nameserver 8.8.8.8\n" },
	{ "domains with other characters",
	  { { "new_domain_search", "a;b $(x) a/b a\nnameserver\t6.6.6.6 good.org" } },
	  "search a nameserver 6.6.6.6 good.org\n" },
};

int main(void)
{
	size_t i;

	for (i = 0; i < array_len(rows); i++) {
		_cleanup_buf_ struct buf out = { 0 };

		ok(resolv_text(get, (void *)rows[i].variables, &out) == 0, "made");
		ok_str(buf_text(&out), rows[i].text, rows[i].what);
	}
	return tap_done();
}
