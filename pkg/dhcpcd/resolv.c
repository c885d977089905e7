#include "resolv.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "str.h"

#define SERVERS_MAX 3
#define SEARCH_MAX  256 /* resolvers' own limit on the line */

static bool is_address(const char *s)
{
	const char *zone = strchr(s, '%');
	unsigned char bytes[16];
	char plain[INET6_ADDRSTRLEN];

	if (inet_pton(AF_INET, s, bytes) == 1)
		return true;
	/* fe80::1%eth0 */
	if (!zone)
		return inet_pton(AF_INET6, s, bytes) == 1;
	if (zone == s || (size_t)(zone - s) >= sizeof(plain) || !zone[1] || strlen(zone + 1) > 15)
		return false;
	memcpy(plain, s, (size_t)(zone - s));
	plain[zone - s] = '\0';
	return inet_pton(AF_INET6, plain, bytes) == 1;
}

static bool is_domain(const char *s)
{
	size_t i;

	for (i = 0; s[i]; i++)
		if (!isalnum((unsigned char)s[i]) && !strchr("-._", s[i]))
			return false;
	return i > 0 && i < 254;
}

/* The words of a variable that pass the test, each once. */
static int add_words(char ***list, const char *text, bool (*test)(const char *), size_t max)
{
	_cleanup_strv_ char **words = NULL;
	size_t i;

	if (!text)
		return 0;
	words = strv_split(text, " \t\n");
	if (!words)
		return -1;
	for (i = 0; words[i]; i++)
		if (strv_len(*list) < max && test(words[i]) && !strv_has(*list, words[i]) &&
		    strv_add(list, words[i]) < 0)
			return -1;
	return 0;
}

static int resolv_servers(resolv_get_fn *get, void *data, char ***list)
{
	char name[32];
	int i;

	if (add_words(list, get(data, "new_domain_name_servers"), is_address, SERVERS_MAX) < 0 ||
	    add_words(list, get(data, "new_dhcp6_name_servers"), is_address, SERVERS_MAX) < 0)
		return -1;
	for (i = 1; i <= 4; i++) {
		snprintf(name, sizeof(name), "nd%d_rdnss1_servers", i);
		if (add_words(list, get(data, name), is_address, SERVERS_MAX) < 0)
			return -1;
	}
	return 0;
}

static int resolv_domains(resolv_get_fn *get, void *data, char ***list)
{
	static const char *const names[] = { "new_domain_search", "new_dhcp6_domain_search", "nd1_dnssl1_search",
					     "new_domain_name" };
	size_t i;

	for (i = 0; i < array_len(names); i++)
		if (add_words(list, get(data, names[i]), is_domain, 6) < 0)
			return -1;
	return 0;
}

int resolv_text(resolv_get_fn *get, void *data, struct buf *out)
{
	_cleanup_strv_ char **server = NULL, **domain = NULL;
	size_t i, n = 0;

	if (resolv_servers(get, data, &server) < 0 || resolv_domains(get, data, &domain) < 0)
		return -1;
	for (i = 0; domain && domain[i] && n + strlen(domain[i]) < SEARCH_MAX; i++) {
		if (buf_addf(out, "%s%s", i ? " " : "search ", domain[i]) < 0)
			return -1;
		n += strlen(domain[i]) + 1;
	}
	if (i > 0 && buf_addstr(out, "\n") < 0)
		return -1;
	for (i = 0; server && server[i]; i++)
		if (buf_addf(out, "nameserver %s\n", server[i]) < 0)
			return -1;
	return 0;
}
