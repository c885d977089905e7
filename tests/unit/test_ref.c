#include "ref.h"
#include "tap.h"

#define D64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct {
	const char *text, *expanded, *cache_name;
} good[] = {
	{ "redis", "docker.io/library/redis", "docker.io/library/redis:latest" },
	{ "redis:7", "docker.io/library/redis:7", "docker.io/library/redis:7" },
	{ "pith/init", "docker.io/pith/init", "docker.io/pith/init:latest" },
	{ "pith/init:v1.2-x_y", "docker.io/pith/init:v1.2-x_y", "docker.io/pith/init:v1.2-x_y" },
	{ "localhost/init:1", "localhost/init:1", "localhost/init:1" },
	{ "localhost:5000/init", "localhost:5000/init", "localhost:5000/init:latest" },
	{ "registry.io/foo", "registry.io/foo", "registry.io/foo:latest" },
	{ "registry.io:443/a/b/c:t", "registry.io:443/a/b/c:t", "registry.io:443/a/b/c:t" },
	{ "foo/bar/baz", "foo/bar/baz", "foo/bar/baz:latest" },
	{ "a__b/c---d.e:1", "docker.io/a__b/c---d.e:1", "docker.io/a__b/c---d.e:1" },
	{ "[::1]:5000/x:1", "[::1]:5000/x:1", "[::1]:5000/x:1" },
	{ "Registry.IO/foo:1", "Registry.IO/foo:1", "Registry.IO/foo:1" },
	{ "redis@sha256:" D64, "docker.io/library/redis@sha256:" D64, "docker.io/library/redis@sha256:" D64 },
	{ "redis:7@sha256:" D64, "docker.io/library/redis:7@sha256:" D64, "docker.io/library/redis:7" },
	{ "a@sha512:" D64 D64, "docker.io/library/a@sha512:" D64 D64, "docker.io/library/a@sha512:" D64 D64 },
};

static const char *const bad[] = {
	"",
	":1",
	"/a",
	"a/",
	"a//b",
	"a:",
	"a:b:c",
	"a:.b",
	"a:-b",
	"a b",
	"a:b c",
	"UPPER/case",
	"a/B",
	"../etc/passwd",
	"a/../b",
	"a/.b",
	"a/-b",
	"a/b-",
	"a___b",
	"a..b/c",
	"a._b",
	"reg.io:port/x",
	"reg.io:/x",
	"-reg.io/x",
	"reg.io:123456/x",
	"a@",
	"a@sha256:",
	"a@sha256:" D64 "0",
	"a@sha256:0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef",
	"a@md5:" D64,
	"a@sha256:" D64 "@sha256:" D64,
	"@sha256:" D64,
	"a\nb",
	"a:\xff",
};

int main(void)
{
	_cleanup_ref_ struct ref ref = { 0 };
	char longest[400];

	for (size_t i = 0; i < array_len(good); i++) {
		_cleanup_error_ struct error err = { 0 };
		_cleanup_ref_ struct ref parsed = { 0 };
		_cleanup_free_ char *text = NULL, *name = NULL;

		if (!ok(ref_parse(good[i].text, &parsed, &err) == 0, "%s is taken (%s)", good[i].text,
			error_text(&err)))
			continue;
		text = ref_text(&parsed);
		name = ref_cache_name(&parsed);
		ok_str(text, good[i].expanded, "and expanded");
		ok_str(name, good[i].cache_name, "and has this name in the cache");
	}
	for (size_t i = 0; i < array_len(bad); i++) {
		_cleanup_error_ struct error err = { 0 };
		struct ref none;

		ok(ref_parse(bad[i], &none, &err) < 0 && strstr(error_text(&err), "is no image name"),
		   "bad name %zu is refused", i);
		ok(!none.name && !none.tag && !none.digest, "and leaves nothing behind");
	}
	memset(longest, 'a', sizeof(longest));
	longest[255 - strlen("docker.io/library/")] = 0;
	ok(ref_parse(longest, &ref, NULL) == 0, "a name of 255 bytes is taken");
	longest[255 - strlen("docker.io/library/")] = 'a';
	longest[sizeof(longest) - 1] = 0;
	ref_free(&ref);
	ok(ref_parse(longest, &ref, NULL) < 0, "a name over 255 bytes is refused");
	return tap_done();
}
