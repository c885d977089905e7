/* What databases of packages say, and licences in the words of SPDX. */
#include <errno.h>
#include <stdlib.h>

#include "buf.h"
#include "found.h"
#include "licence.h"
#include "sbom.h"
#include "str.h"
#include "tap.h"

/* Every package as "name version arch licence;". */
static int package_note(void *data, const struct found_package *p, struct error *err)
{
	(void)err;
	return buf_addf(data, "%.*s %.*s %.*s %.*s;", (int)p->name.len, p->name.at, (int)p->version.len, p->version.at,
			(int)p->arch.len, p->arch.at, (int)p->licence.len, p->licence.at);
}

typedef int text_parser(const char *text, size_t n, found_fn *fn, void *data, struct error *err);

struct text_case {
	const char *text, *want; /* want: what the error ends with when it begins with '!' */
};

static void texts_check(const char *name, text_parser *parse, const struct text_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		_cleanup_buf_ struct buf got = { 0 };
		_cleanup_error_ struct error err = { 0 };
		int r = parse(cases[i].text, strlen(cases[i].text), package_note, &got, &err);
		const char *want = cases[i].want;

		if (*want == '!')
			ok(r < 0 && str_ends(error_text(&err), want + 1), "%s %zu is refused: %s", name, i,
			   error_text(&err));
		else
			ok(r == 0 && str_eq(buf_text(&got), want), "%s %zu: %s", name, i, buf_text(&got));
	}
}

static void dpkg_check(void)
{
	static const struct text_case cases[] = {
		{ "", "" },
		{ "\n\n", "" },
		{ "Package: a\nStatus: install ok installed\nVersion: 1:2-3\nArchitecture: amd64\n",
		  "a 1:2-3 amd64 ;" },
		{ "Package: a\nVersion: 1\n\nPackage: b\nVersion: 2", "a 1  ;b 2  ;" },
		{ "Package: a\nStatus: deinstall ok config-files\nVersion: 1\n", "" },
		{ "Package: a\nStatus: install ok not-installed\nVersion: 1\n", "" },
		{ "package: a\nVERSION:  1  \nDescription: x\n more: y\n .\n", "a 1  ;" },
		{ "Package: a\r\nVersion: 1\r\n\r\n", "a 1  ;" },
		{ "Package: a\n", "!a package without version" },
		{ "Version: 1\n\n", "!in front of line 2: a package without name" },
		{ "Package: a b\nVersion: 1\n", "!a blank or control character in its name" },
		{ "Package: a\nVersion: 1\nnonsense\n", "!line 3 is no field" },
		{ ": x\n", "!line 1 is no field" },
	};

	texts_check("dpkg", dpkg_parse, cases, array_len(cases));
}

static void apk_check(void)
{
	static const struct text_case cases[] = {
		{ "C:Q1x=\nP:musl\nV:1.2.5-r0\nA:x86_64\nL:MIT\nF:lib\nR:ld.so\n\n", "musl 1.2.5-r0 x86_64 MIT;" },
		{ "P:a\nV:1\n\n\n\nP:b\nV:2\n", "a 1  ;b 2  ;" },
		{ "P:a\n\n", "!a package without version" },
		{ "P\n", "!line 1 is no field" },
		{ "Px:a\n", "!line 1 is no field" },
		{ "F:lib\nP:a\nV:1", "a 1  ;" },
	};

	texts_check("apk", apk_parse, cases, array_len(cases));
}

/* --- RPM --- */

static void put32(struct buf *b, uint32_t v)
{
	uint8_t bytes[] = { (uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v };

	buf_add(b, bytes, 4);
}

/* A header of NAME, VERSION, RELEASE and EPOCH; `move` is added to the offset of the version, `cut` bytes are missing.
 */
static void header_make(struct buf *b, uint32_t move)
{
	static const char data[] = "bash\0"
				   "5.2\0"
				   "1\0";

	put32(b, 4);
	put32(b, sizeof(data) + 4);
	for (uint32_t i = 0; i < 3; i++) {
		put32(b, 1000 + i);
		put32(b, 6);
		put32(b, (i == 0 ? 0 : i == 1 ? 5 : 9) + (i == 1 ? move : 0));
		put32(b, 1);
	}
	put32(b, 1003);
	put32(b, 4);
	put32(b, sizeof(data));
	put32(b, 1);
	buf_add(b, data, sizeof(data));
	put32(b, 2);
}

static void rpm_check(void)
{
	_cleanup_buf_ struct buf header = { 0 }, moved = { 0 }, got = { 0 };
	_cleanup_error_ struct error err = { 0 };
	size_t cut;

	header_make(&header, 0);
	ok(rpm_header_parse(buf_bytes(&header), header.len, package_note, &got, &err) == 0 &&
		   str_eq(buf_text(&got), "bash 2:5.2-1  ;"),
	   "an RPM's header: %s", buf_text(&got));
	for (cut = 0; cut < header.len; cut++)
		if (rpm_header_parse(buf_bytes(&header), cut, package_note, &got, NULL) == 0)
			break;
	ok(cut == header.len, "a header that is cut short is refused, wherever");
	header_make(&moved, 1 << 20);
	ok(rpm_header_parse(buf_bytes(&moved), moved.len, package_note, &got, &err) < 0 &&
		   str_eq(error_text(&err), "tag 1001 is outside of a package's header"),
	   "a text outside of its header: %s", error_text(&err));
}

static void databases_check(void)
{
	static const uint8_t none[4096] = { 0 };
	_cleanup_buf_ struct buf got = { 0 };
	_cleanup_error_ struct error err = { 0 };

	ok(rpm_sqlite_parse(none, sizeof(none), package_note, &got, &err) < 0 &&
		   str_eq(error_text(&err), "no database of SQLite 3"),
	   "zeros are no database of SQLite");
	ok(rpm_ndb_parse(none, sizeof(none), package_note, &got, &err) < 0 && str_eq(error_text(&err), "no ndb of RPM"),
	   "zeros are no ndb");
	ok(rpm_sqlite_parse(none, 0, package_note, &got, NULL) < 0 &&
		   rpm_ndb_parse(none, 0, package_note, &got, NULL) < 0,
	   "nothing is no database");
}

/* --- licences --- */

static void licences_check(void)
{
	static const struct text_case cases[] = {
		{ "MIT", "MIT" },
		{ "GPL-2.0-only AND MIT", "GPL-2.0-only AND MIT" },
		{ "gpl", "LicenseRef-gpl" },
		{ "GPLv2+ and LGPLv2+", "GPL-2.0-or-later AND LGPL-2.0-or-later" },
		{ "ASL 2.0", "Apache-2.0" },
		{ "GPL-2+ or Artistic", "GPL-2.0-or-later OR LicenseRef-Artistic" },
		{ "Expat, and BSD-3-clause", "MIT AND BSD-3-Clause" },
		{ "GPL-1+ or Artistic, and MIT", "(GPL-1.0-or-later OR LicenseRef-Artistic) AND MIT" },
		{ "MIT, Zlib or curl, or ISC", "MIT AND (Zlib OR curl) OR ISC" },
		{ "MIT,", "LicenseRef-MIT" },
		{ "(MIT or Zlib) and curl", "(MIT OR Zlib) AND curl" },
		{ "MIT BSD-2-Clause", "MIT AND BSD-2-Clause" },
		{ "Public Domain", "LicenseRef-Public-Domain" },
		{ "GPL-2.0-only WITH Linux-syscall-note", "GPL-2.0-only WITH Linux-syscall-note" },
		{ "GPL-2+ with OpenSSL exception", "LicenseRef-GPL-2.0-or-later-WITH-OpenSSL-exception" },
		{ "(MIT", "LicenseRef-MIT" },
		{ "MIT AND", "LicenseRef-MIT-AND" },
		{ "AND", "LicenseRef-AND" },
		{ "((((((((((((((((((MIT))))))))))))))))))", "LicenseRef-MIT" },
		{ "\xff\xfe", "LicenseRef-unnamed" },
		{ "LicenseRef-mine", "LicenseRef-mine" },
	};

	for (size_t i = 0; i < array_len(cases); i++) {
		_cleanup_(licence_refs_clear) struct licence_refs refs = { 0 };
		_cleanup_free_ char *got = NULL;
		int r = licence_expression((struct slice){ cases[i].text, strlen(cases[i].text) }, &refs, &got);

		ok(r == 0 && str_eq(got, cases[i].want), "licence \"%s\": %s", cases[i].text, got ? got : "");
		ok(strv_len(refs.names) == strv_len(refs.texts) &&
			   (refs.names != NULL) == (strstr(got, "LicenseRef-") != NULL),
		   "what is not in the list is noted");
	}
}

static void copyrights_check(void)
{
	static const struct text_case cases[] = {
		{ "Format: https://x/1.0/\n\nFiles: *\nCopyright: me\nLicense: Expat\n text\n\nFiles: b\nLicense: "
		  "GPL-2 or Zlib\n\n"
		  "License: Expat\n",
		  "(GPL-2.0-only OR Zlib) AND MIT" },
		{ "It is free.\nOn Debian the text is in /usr/share/common-licenses/GPL-3.\nOr "
		  "/usr/share/common-licenses/BSD!",
		  "LicenseRef-common-licenses-BSD AND LicenseRef-common-licenses-GPL-3" },
		{ "It is free. License: not a field, Format: neither\n", "" },
		{ "", "" },
	};

	for (size_t i = 0; i < array_len(cases); i++) {
		_cleanup_(licence_refs_clear) struct licence_refs refs = { 0 };
		_cleanup_free_ char *got = NULL;
		int r = copyright_expression(cases[i].text, strlen(cases[i].text), &refs, &got);

		ok(r == 0 && str_eq(got ? got : "", cases[i].want), "copyright %zu: %s", i, got ? got : "");
	}
}

static void os_release_check(void)
{
	static const char text[] = "# x\nID=\"alpine\"\nVERSION_ID='3.20'\nNAME=Alpine\nID_LIKE=a\n";
	static const char bad[] = "ID=\"a b\"\nVERSION_ID=1&2\n";
	struct slice id, version;

	os_release_parse(text, sizeof(text) - 1, &id, &version);
	ok(slice_is(id, "alpine") && slice_is(version, "3.20"), "os-release, with quotes");
	os_release_parse(bad, sizeof(bad) - 1, &id, &version);
	ok(!id.len && !version.len, "what the page does not allow is left out");
}

int main(void)
{
	dpkg_check();
	apk_check();
	rpm_check();
	databases_check();
	licences_check();
	copyrights_check();
	os_release_check();
	ok(sbom_format_of("a/bom.json") == SBOM_CYCLONEDX && sbom_format_of("x.cdx.json") == SBOM_CYCLONEDX &&
		   sbom_format_of("sbom.spdx.json") == SBOM_SPDX && sbom_format_of("x") == SBOM_SPDX,
	   "a file's name says its format");
	return tap_done();
}
