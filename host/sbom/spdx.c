/* SPDX 2.3 in JSON (https://spdx.github.io/spdx-spec/v2.3/). The document describes one package, the machine, which
 * contains the images; an image contains the packages that its databases name and the files that it brought. Lists of
 * everything come in turn: packages, files, licences, relationships. */
#include <stdio.h>
#include <stdlib.h>

#include "str.h"
#include "write_private.h"

/* The list that our identifiers are of. */
#define LICENCE_LIST "3.25"
#define NOT_KNOWN    "NOASSERTION"
#define MACHINE      "SPDXRef-Machine"
#define TOOL         "SPDXRef-Tool-pith"
#define KERNEL       "SPDXRef-Kernel"

static const char *id_make(char out[static 40], const char *kind, size_t number)
{
	snprintf(out, 40, "SPDXRef-%s-%zu", kind, number);
	return out;
}

static void checksum_write(struct jsonw *w, const char *algorithm, const char *text)
{
	jsonw_object(w, NULL);
	jsonw_string(w, "algorithm", algorithm);
	jsonw_string(w, "checksumValue", text);
	jsonw_end(w);
}

static void checksum_bytes(struct jsonw *w, const char *algorithm, const uint8_t *bytes, size_t n)
{
	jsonw_object(w, NULL);
	jsonw_string(w, "algorithm", algorithm);
	write_hex(w, "checksumValue", bytes, n);
	jsonw_end(w);
}

static void package_begin(struct jsonw *w, const char *name, const char *spdx_id, const char *version)
{
	jsonw_object(w, NULL);
	jsonw_string(w, "name", name);
	jsonw_string(w, "SPDXID", spdx_id);
	if (version && *version)
		jsonw_string(w, "versionInfo", version);
	jsonw_string(w, "downloadLocation", NOT_KNOWN);
}

/* Takes the address. */
static void purl_write(struct jsonw *w, char *purl)
{
	jsonw_list(w, "externalRefs");
	jsonw_object(w, NULL);
	jsonw_string(w, "referenceCategory", "PACKAGE-MANAGER");
	jsonw_string(w, "referenceType", "purl");
	write_taken(w, "referenceLocator", purl);
	jsonw_end(w);
	jsonw_end(w);
}

/* What every package says, and its end. verification: of its files; "": none are listed. */
static void package_end(struct jsonw *w, const char *licence, const char *purpose, const char *verification)
{
	jsonw_bool(w, "filesAnalyzed", *verification);
	if (*verification) {
		jsonw_object(w, "packageVerificationCode");
		jsonw_string(w, "packageVerificationCodeValue", verification);
		jsonw_end(w);
	}
	jsonw_string(w, "licenseConcluded", NOT_KNOWN);
	jsonw_string(w, "licenseDeclared", licence && *licence ? licence : NOT_KNOWN);
	jsonw_string(w, "copyrightText", NOT_KNOWN);
	if (purpose)
		jsonw_string(w, "primaryPackagePurpose", purpose);
	jsonw_end(w);
}

static void image_write(struct jsonw *w, const struct image_entry *image, size_t i)
{
	const char *hex = strchr(image->digest, ':');
	char text[40];

	package_begin(w, image->name, id_make(text, "Image", i), image->digest);
	if (hex) {
		jsonw_list(w, "checksums");
		checksum_write(w, str_starts(image->digest, "sha512:") ? "SHA512" : "SHA256", hex + 1);
		jsonw_end(w);
	}
	purl_write(w, purl_image(image));
	package_end(w, image->licence, "CONTAINER", image->verification);
}

/* "Name <address>" is "Name (address)". */
static void supplier_write(struct jsonw *w, const char *maintainer)
{
	char *text = str_format("Organization: %s", maintainer);

	for (char *p = text; p && *p; p++)
		*p = *p == '<' ? '(' : *p == '>' ? ')' : *p;
	write_taken(w, "supplier", text);
}

static void found_write(struct jsonw *w, const struct model *m, const struct package_entry *p)
{
	char text[40];

	package_begin(w, p->name, id_make(text, "Package", p->number), p->version);
	if (*p->maintainer)
		supplier_write(w, p->maintainer);
	if (*p->source)
		write_taken(w, "sourceInfo", str_format("made from the source package %s", p->source));
	purl_write(w, purl_package(m, p));
	package_end(w, p->licence, NULL, "");
}

static const struct image_entry *kernel_image(const struct model *m, size_t *number)
{
	for (*number = 0; *number < m->images.count; ++*number)
		if (m->images.list[*number].kernel)
			return &m->images.list[*number];
	return NULL;
}

static int packages_write(struct writer *w, const struct model *m)
{
	struct jsonw *j = &w->json;
	size_t number;

	jsonw_list(j, "packages");
	package_begin(j, "machine", MACHINE, NULL);
	package_end(j, NULL, "OPERATING_SYSTEM", m->own.verification);
	package_begin(j, "pith", TOOL, m->version);
	purl_write(j, purl_generic("pith", m->version));
	package_end(j, "Apache-2.0", "APPLICATION", "");
	if (kernel_image(m, &number)) {
		package_begin(j, "linux", KERNEL, m->kernel);
		if (m->kernel)
			purl_write(j, purl_generic("linux", m->kernel));
		package_end(j, "GPL-2.0-only WITH Linux-syscall-note", "OPERATING_SYSTEM", "");
	}
	for (size_t i = 0; i < m->images.count; i++)
		image_write(j, &m->images.list[i], i);
	for (size_t i = 0; i < m->packages.count; i++) {
		found_write(j, m, &m->packages.list[i]);
		if (writer_flush(w) < 0)
			return -1;
	}
	jsonw_end(j);
	return 0;
}

static int files_write(struct writer *w, const struct model *m)
{
	struct jsonw *j = &w->json;
	char text[40];

	jsonw_list(j, "files");
	for (size_t i = 0; i < m->files.count; i++) {
		const struct file_entry *f = &m->files.list[i];

		jsonw_object(j, NULL);
		write_taken(j, "fileName", str_format("./%s", f->path));
		jsonw_string(j, "SPDXID", id_make(text, "File", i));
		jsonw_list(j, "checksums");
		checksum_bytes(j, "SHA1", f->sha1, SHA1_SIZE);
		checksum_bytes(j, "SHA256", f->sha256, SHA256_SIZE);
		jsonw_end(j);
		jsonw_end(j);
		if (writer_flush(w) < 0)
			return -1;
	}
	jsonw_end(j);
	return 0;
}

static void licences_write(struct jsonw *w, const struct model *m)
{
	_cleanup_strv_ char **sorted = strv_copy(m->refs.names);

	if (!m->refs.names)
		return;
	if (!sorted) {
		w->failed = true;
		return;
	}
	strv_sort(sorted);
	jsonw_list(w, "hasExtractedLicensingInfos");
	for (size_t i = 0; sorted[i]; i++) {
		size_t at = 0;

		while (!str_eq(m->refs.names[at], sorted[i]))
			at++;
		jsonw_object(w, NULL);
		jsonw_string(w, "licenseId", sorted[i]);
		jsonw_string(w, "name", m->refs.texts[at]);
		write_taken(w, "extractedText", str_format("The package names its licence so: %s", m->refs.texts[at]));
		jsonw_end(w);
	}
	jsonw_end(w);
}

static void relationship_write(struct jsonw *w, const char *from, const char *type, const char *to)
{
	jsonw_object(w, NULL);
	jsonw_string(w, "spdxElementId", from);
	jsonw_string(w, "relationshipType", type);
	jsonw_string(w, "relatedSpdxElement", to);
	jsonw_end(w);
}

static int contents_write(struct writer *w, const char *holder, const char *kind, size_t first, size_t count)
{
	char text[40];

	for (size_t i = first; i < first + count; i++) {
		relationship_write(&w->json, holder, "CONTAINS", id_make(text, kind, i));
		if (writer_flush(w) < 0)
			return -1;
	}
	return 0;
}

static int relationships_write(struct writer *w, const struct model *m)
{
	struct jsonw *j = &w->json;
	char text[40];
	size_t number;

	jsonw_list(j, "relationships");
	relationship_write(j, "SPDXRef-DOCUMENT", "DESCRIBES", MACHINE);
	relationship_write(j, TOOL, "BUILD_TOOL_OF", MACHINE);
	if (kernel_image(m, &number))
		relationship_write(j, id_make(text, "Image", number), "CONTAINS", KERNEL);
	for (size_t i = 0; i < m->images.count; i++) {
		const struct image_entry *image = &m->images.list[i];

		relationship_write(j, MACHINE, "CONTAINS", id_make(text, "Image", i));
		if (contents_write(w, text, "Package", image->first_package, image->package_count) < 0 ||
		    contents_write(w, text, "File", image->first_file, image->file_count) < 0)
			return -1;
	}
	if (contents_write(w, MACHINE, "Package", m->own.first_package, m->own.package_count) < 0 ||
	    contents_write(w, MACHINE, "File", m->own.first_file, m->own.file_count) < 0)
		return -1;
	jsonw_end(j);
	return 0;
}

int spdx_write(struct writer *w, const struct model *m)
{
	struct jsonw *j = &w->json;

	jsonw_object(j, NULL);
	jsonw_string(j, "spdxVersion", "SPDX-2.3");
	jsonw_string(j, "dataLicense", "CC0-1.0");
	jsonw_string(j, "SPDXID", "SPDXRef-DOCUMENT");
	jsonw_string(j, "name", "sbom");
	writer_identity(w, "documentNamespace", "https://spdx.org/spdxdocs/pith-");
	jsonw_object(j, "creationInfo");
	jsonw_string(j, "created", m->created);
	jsonw_list(j, "creators");
	write_taken(j, NULL, str_format("Tool: pith-%s", m->version));
	jsonw_end(j);
	jsonw_string(j, "licenseListVersion", LICENCE_LIST);
	jsonw_end(j);
	if (packages_write(w, m) < 0 || files_write(w, m) < 0)
		return -1;
	licences_write(j, m);
	if (relationships_write(w, m) < 0)
		return -1;
	jsonw_end(j);
	return 0;
}
