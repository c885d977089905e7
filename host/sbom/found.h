/* What the databases of package managers say: each parser takes the bytes of one, as they are in an image, and calls
 * back for every package that is installed. Bytes are anybody's: what makes no sense ends the parser with an error, and
 * never reaches the callback. No I/O. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "error.h"

/* A part of what is being parsed. */
struct slice {
	const char *at;
	size_t len; /* 0: there is none */
};

static inline bool slice_is(struct slice s, const char *text)
{
	return s.len == strlen(text) && memcmp(s.at, text, s.len) == 0;
}

enum package_kind {
	PACKAGE_DEB,
	PACKAGE_APK,
	PACKAGE_RPM,
	PACKAGE_KINDS,
};

enum {
	FOUND_TEXT_MAX = 4096
}; /* bytes of any field; longer ones are refused in a name or version, and else left out */

/* name and version are there; the rest may be empty. Valid during the call. */
struct found_package {
	enum package_kind kind;
	struct slice name, version, arch, licence, maintainer, source;
};
/* -1 with err stops. */
typedef int found_fn(void *data, const struct found_package *p, struct error *err);

/* Debian's var/lib/dpkg/status (deb822, see deb-control(5)): stanzas without "installed" in their Status are left out,
 * those without a Status (files of status.d, as distroless images have them) are taken. */
int dpkg_parse(const char *text, size_t n, found_fn *fn, void *data, struct error *err);

/* Alpine's lib/apk/db/installed: lines of "LETTER:VALUE", an empty line behind each package
 * (https://wiki.alpinelinux.org/wiki/Apk_spec). */
int apk_parse(const char *text, size_t n, found_fn *fn, void *data, struct error *err);

/* RPM's databases: rpmdb.sqlite (https://www.sqlite.org/fileformat2.html) and ndb's Packages.db. */
int rpm_sqlite_parse(const uint8_t *db, size_t n, found_fn *fn, void *data, struct error *err);
int rpm_ndb_parse(const uint8_t *db, size_t n, found_fn *fn, void *data, struct error *err);
/* One package's header, as both of them hold it: counts of entries and bytes, entries of 16 bytes, data
 * (https://rpm-software-management.github.io/rpm/manual/hregions.html). */
int rpm_header_parse(const uint8_t *header, size_t n, found_fn *fn, void *data, struct error *err);

/* os-release(5): ID and VERSION_ID, without quotes; empty where there is none, or it is not what the page allows. */
void os_release_parse(const char *text, size_t n, struct slice *id, struct slice *version);
