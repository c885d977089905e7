/* A package's header in RPM's databases.
 *
 *   entries (4, big-endian)  bytes of data (4)  entries of tag, type, offset, count (4 each)  data
 *
 * Strings are at their offset in the data and end with a NUL. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "rpm_private.h"
#include "stanza_private.h"

enum { ENTRIES_MAX = 65536, ENTRY = 16, TYPE_INT32 = 4, TYPE_STRING = 6, TYPE_I18N = 9 };

enum {
	TAG_NAME = 1000,
	TAG_VERSION = 1001,
	TAG_RELEASE = 1002,
	TAG_EPOCH = 1003,
	TAG_VENDOR = 1011,
	TAG_LICENSE = 1014,
	TAG_ARCH = 1022,
	TAG_SOURCERPM = 1044,
};

struct header {
	const uint8_t *entries, *data;
	uint32_t count, bytes;
};

/* The text of a tag, empty where it has none. */
static int tag_text(const struct header *h, uint32_t tag, struct slice *out, struct error *err)
{
	*out = (struct slice){ "", 0 };
	for (uint32_t i = 0; i < h->count; i++) {
		const uint8_t *e = h->entries + (size_t)i * ENTRY;
		uint32_t type = read_be32(e + 4), at = read_be32(e + 8);
		const uint8_t *end;

		if (read_be32(e) != tag || (type != TYPE_STRING && type != TYPE_I18N))
			continue;
		end = at < h->bytes ? memchr(h->data + at, 0, h->bytes - at) : NULL;
		if (!end)
			return error_say(err, EINVAL, "tag %" PRIu32 " is outside of a package's header", tag);
		*out = (struct slice){ (const char *)h->data + at, (size_t)(end - (h->data + at)) };
		return 0;
	}
	return 0;
}

static bool tag_number(const struct header *h, uint32_t tag, uint32_t *out)
{
	for (uint32_t i = 0; i < h->count; i++) {
		const uint8_t *e = h->entries + (size_t)i * ENTRY;
		uint32_t at = read_be32(e + 8);

		if (read_be32(e) != tag || read_be32(e + 4) != TYPE_INT32 || h->bytes < 4 || at > h->bytes - 4)
			continue;
		*out = read_be32(h->data + at);
		return true;
	}
	return false;
}

/* "[EPOCH:]VERSION-RELEASE" */
static int version_make(const struct header *h, char *text, size_t size, struct slice *out, struct error *err)
{
	struct slice version, release;
	uint32_t epoch = 0;
	int n;

	if (tag_text(h, TAG_VERSION, &version, err) < 0 || tag_text(h, TAG_RELEASE, &release, err) < 0)
		return -1;
	tag_number(h, TAG_EPOCH, &epoch);
	n = epoch ? snprintf(text, size, "%" PRIu32 ":", epoch) : 0;
	if (version.len + release.len + (size_t)n + 2 > size)
		return error_say(err, EINVAL, "a package with a version of %zu bytes", version.len + release.len);
	n += snprintf(text + n, size - (size_t)n, "%.*s%s%.*s", (int)version.len, version.at, release.len ? "-" : "",
		      (int)release.len, release.at);
	*out = (struct slice){ text, version.len ? (size_t)n : 0 };
	return 0;
}

int rpm_header_parse(const uint8_t *header, size_t n, found_fn *fn, void *data, struct error *err)
{
	struct found_package p = { .kind = PACKAGE_RPM };
	struct header h = { 0 };
	char version[512];

	if (n < 8)
		return error_say(err, EINVAL, "a package's header of %zu bytes", n);
	h.count = read_be32(header);
	h.bytes = read_be32(header + 4);
	if (h.count > ENTRIES_MAX || n - 8 < (size_t)h.count * ENTRY || n - 8 - (size_t)h.count * ENTRY < h.bytes)
		return error_say(err, EINVAL, "a package's header is cut short");
	h.entries = header + 8;
	h.data = h.entries + (size_t)h.count * ENTRY;
	if (tag_text(&h, TAG_NAME, &p.name, err) < 0 || tag_text(&h, TAG_ARCH, &p.arch, err) < 0 ||
	    tag_text(&h, TAG_LICENSE, &p.licence, err) < 0 || tag_text(&h, TAG_VENDOR, &p.maintainer, err) < 0 ||
	    tag_text(&h, TAG_SOURCERPM, &p.source, err) < 0 ||
	    version_make(&h, version, sizeof(version), &p.version, err) < 0)
		return -1;
	if (slice_is(p.name, "gpg-pubkey"))
		return 0; /* a key, which the database holds as if it were a package */
	return found_tell(&p, fn, data, err);
}
