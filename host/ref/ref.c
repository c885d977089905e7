/* Reading and writing of image references, by the grammar and the defaults of Docker. */
#include "ref.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "str.h"

enum { NAME_MAX_LEN = 255, TAG_MAX_LEN = 128 };

static bool hex_digits(const char *s, size_t n)
{
	if (strlen(s) != n)
		return false;
	return strspn(s, "0123456789abcdef") == n;
}

bool digest_valid(const char *digest)
{
	if (str_starts(digest, "sha256:"))
		return hex_digits(digest + 7, 64);
	if (str_starts(digest, "sha512:"))
		return hex_digits(digest + 7, 128);
	return false;
}

static bool lower_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* path-component: alphanumerics, with one '.', one or two '_', or any number of '-' between them */
static bool component_valid(const char *s, size_t n)
{
	if (n == 0 || !lower_or_digit(s[0]) || !lower_or_digit(s[n - 1]))
		return false;
	for (size_t i = 1; i < n; i++) {
		if (lower_or_digit(s[i]) || s[i] == '-')
			continue;
		if (s[i] == '.' && lower_or_digit(s[i - 1]))
			continue;
		if (s[i] == '_' && (lower_or_digit(s[i - 1]) || (s[i - 1] == '_' && i > 1 && lower_or_digit(s[i - 2]))))
			continue;
		return false;
	}
	/* a separator is all of one kind */
	for (size_t i = 1; i < n; i++)
		if (!lower_or_digit(s[i]) && !lower_or_digit(s[i - 1]) && s[i] != s[i - 1])
			return false;
	return true;
}

/* host[:port], also an IPv6 address in brackets */
static bool host_valid(const char *s, size_t n)
{
	size_t i = 0;

	if (n && s[0] == '[') {
		for (i = 1; i < n && (isxdigit((unsigned char)s[i]) || s[i] == ':' || s[i] == '.'); i++)
			;
		if (i == n || s[i] != ']')
			return false;
		i++;
	} else {
		for (; i < n && s[i] != ':'; i++) {
			bool edge = i == 0 || s[i - 1] == '.' || i + 1 == n || s[i + 1] == '.' || s[i + 1] == ':';

			if (isalnum((unsigned char)s[i]))
				continue;
			if ((s[i] != '-' || edge) && (s[i] != '.' || edge))
				return false;
		}
		if (i == 0)
			return false;
	}
	if (i == n)
		return true;
	if (s[i] != ':' || i + 1 == n || n - i > 6)
		return false;
	for (i++; i < n; i++)
		if (!isdigit((unsigned char)s[i]))
			return false;
	return true;
}

static bool tag_valid(const char *s)
{
	size_t n = strlen(s);

	if (n == 0 || n > TAG_MAX_LEN || s[0] == '.' || s[0] == '-')
		return false;
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && *s != '_' && *s != '.' && *s != '-')
			return false;
	return true;
}

/* A first part that is a host, not an organisation of docker.io. */
static bool host_like(const char *s, size_t n)
{
	return memchr(s, '.', n) || memchr(s, ':', n) || (n == 9 && memcmp(s, "localhost", 9) == 0);
}

static bool name_valid(const char *name)
{
	const char *part = name, *slash;
	bool first = true;

	if (strlen(name) > NAME_MAX_LEN)
		return false;
	for (;; part = slash + 1, first = false) {
		size_t n;

		slash = strchr(part, '/');
		n = slash ? (size_t)(slash - part) : strlen(part);
		if (first && slash && (host_like(part, n) || !component_valid(part, n))) {
			if (!host_valid(part, n))
				return false;
		} else if (!component_valid(part, n)) {
			return false;
		}
		if (!slash)
			return true;
	}
}

static size_t count_slashes(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += *s == '/';
	return n;
}

static char *ref_expand_name(const char *name)
{
	size_t slashes = count_slashes(name);

	if (slashes == 0)
		return str_format("docker.io/library/%s", name);
	if (slashes == 1 && !host_like(name, (size_t)(strchr(name, '/') - name)))
		return str_format("docker.io/%s", name);
	return strdup(name);
}

int ref_parse(const char *text, struct ref *out, struct error *err)
{
	_cleanup_free_ char *name = strdup(text);
	char *at, *colon, *slash;

	*out = (struct ref){ 0 };
	if (!name)
		return error_set(err, ENOMEM, "image name");
	at = strchr(name, '@');
	if (at) {
		*at = 0;
		if (!digest_valid(at + 1))
			return error_say(err, EINVAL, "\"%.300s\" is no image name: bad digest after '@'", text);
	}
	slash = strrchr(name, '/');
	colon = strrchr(slash ? slash : name, ':');
	if (colon) {
		*colon = 0;
		if (!tag_valid(colon + 1))
			return error_say(err, EINVAL, "\"%.300s\" is no image name: bad tag after ':'", text);
	}
	out->name = ref_expand_name(name);
	out->tag = colon ? strdup(colon + 1) : NULL;
	out->digest = at ? strdup(at + 1) : NULL;
	if (!out->name || (colon && !out->tag) || (at && !out->digest)) {
		ref_free(out);
		return error_set(err, ENOMEM, "image name");
	}
	if (!name_valid(out->name)) {
		ref_free(out);
		return error_say(err, EINVAL,
				 "\"%.300s\" is no image name (lower-case letters, digits and . _ - in parts with '/' "
				 "between them, then :TAG or @sha256:DIGEST)",
				 text);
	}
	return 0;
}

void ref_free(struct ref *ref)
{
	free(ref->name);
	free(ref->tag);
	free(ref->digest);
	*ref = (struct ref){ 0 };
}

char *ref_text(const struct ref *ref)
{
	return str_format("%s%s%s%s%s", ref->name, ref->tag ? ":" : "", ref->tag ? ref->tag : "",
			  ref->digest ? "@" : "", ref->digest ? ref->digest : "");
}

char *ref_cache_name(const struct ref *ref)
{
	if (ref->digest && !ref->tag)
		return str_format("%s@%s", ref->name, ref->digest);
	return str_format("%s:%s", ref->name, ref->tag ? ref->tag : "latest");
}

char *ref_expand(const char *text, struct error *err)
{
	_cleanup_ref_ struct ref ref = { 0 };
	char *full;

	if (ref_parse(text, &ref, err) < 0)
		return NULL;
	full = ref_text(&ref);
	if (!full)
		error_set(err, ENOMEM, "image name");
	return full;
}
