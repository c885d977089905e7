/* host/forward/allow: what a guest may have opened on the host. */
#include "allow.h"
#include "str.h"
#include "tap.h"

static void test_lists(void)
{
	static const struct {
		const char *text;
		size_t count; /* 0: refused */
	} rows[] = {
		{ "8080", 1 },
		{ "8000-8999/tcp", 1 },
		{ "0.0.0.0:80,[::1]:443/udp,127.0.0.1:1-65535", 3 },
		{ ALLOW_DEFAULT, 2 },
		{ "", 0 },
		{ "0", 0 },
		{ "65536", 0 },
		{ "9-8", 0 },
		{ "80/icmp", 0 },
		{ "host:80", 0 },
		{ "80,none", 0 },
		{ "127.0.0.1:", 0 },
	};

	for (size_t i = 0; i < array_len(rows); i++) {
		_cleanup_error_ struct error e = { 0 };
		struct allow a;
		int r = allow_parse(rows[i].text, &a, &e);

		ok((r == 0) == (rows[i].count > 0) && (r == 0) == !e.msg, "\"%s\" is %s", rows[i].text,
		   rows[i].count ? "taken" : "refused");
		if (r == 0)
			ok(a.count == rows[i].count, "with %zu rules", rows[i].count);
		allow_free(&a);
	}
}

static void test_check(void)
{
	static const struct {
		const char *rules, *asked;
		const char *address; /* NULL: it may not have it */
	} rows[] = {
		{ ALLOW_DEFAULT, "tcp:127.0.0.1:8080:tcp:10.0.0.1:80", "127.0.0.1" },
		{ ALLOW_DEFAULT, "tcp:0.0.0.0:8080:tcp:10.0.0.1:80", "127.0.0.1" },
		{ ALLOW_DEFAULT, "udp:[::1]:8080:udp:10.0.0.1:80", "::1" },
		{ ALLOW_DEFAULT, "tcp:[::]:8080:tcp:10.0.0.1:80", "::1" },
		{ "80", "tcp:0.0.0.0:80:tcp:10.0.0.1:80", "127.0.0.1" },
		{ "80", "tcp:[::]:80:tcp:10.0.0.1:80", "::1" },
		{ "127.0.0.1:80", "tcp:[::]:80:tcp:10.0.0.1:80", NULL },
		{ "0.0.0.0:80", "tcp:[::]:80:tcp:10.0.0.1:80", "::" },
		{ ALLOW_DEFAULT, "tcp:127.0.0.1:0:tcp:10.0.0.1:80", "127.0.0.1" },
		{ ALLOW_DEFAULT, "tcp:127.0.0.1:80:tcp:10.0.0.1:80", NULL },
		{ ALLOW_DEFAULT, "tcp:192.0.2.1:8080:tcp:10.0.0.1:80", NULL },
		{ "none", "tcp:127.0.0.1:8080:tcp:10.0.0.1:80", NULL },
		{ "0.0.0.0:80", "tcp:0.0.0.0:80:tcp:10.0.0.1:80", "0.0.0.0" },
		{ "0.0.0.0:80", "tcp:192.0.2.1:80:tcp:10.0.0.1:80", "192.0.2.1" },
		{ "0.0.0.0:80/tcp", "udp:0.0.0.0:80:udp:10.0.0.1:80", NULL },
		{ "127.0.0.1:2000-3000", "tcp:127.0.0.1:0:tcp:10.0.0.1:80", NULL },
	};

	for (size_t i = 0; i < array_len(rows); i++) {
		_cleanup_vpnkit_port_ struct vpnkit_port port = { 0 };
		struct vpnkit_ip ip;
		struct allow a;
		char text[64];
		bool may;

		ok(allow_parse(rows[i].rules, &a, NULL) == 0 &&
			   vpnkit_port_parse(rows[i].asked, strlen(rows[i].asked), &port, NULL) == 0,
		   "rules, and what is asked for");
		may = allow_check(&a, &port, &ip);
		ok(may == (rows[i].address != NULL) &&
			   (!may || str_eq(vpnkit_ip_text(&ip, text, sizeof(text)), rows[i].address)),
		   "%s with %s", rows[i].asked, rows[i].rules);
		allow_free(&a);
	}
}

int main(void)
{
	test_lists();
	test_check();
	return tap_done();
}
