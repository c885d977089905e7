/* CycloneDX 1.6 in JSON (https://cyclonedx.org/docs/1.6/json/). The machine is what the document is of; its components
 * are the images, whose components are their packages and files, and the files of no image. */
#include <stdio.h>
#include <stdlib.h>

#include "str.h"
#include "write_private.h"

static const char *bom_ref(char out[static 40], const char *kind, size_t number)
{
	snprintf(out, 40, "%s-%zu", kind, number);
	return out;
}

static void component_begin(struct jsonw *w, const char *type, const char *ref, const char *name, const char *version)
{
	jsonw_object(w, NULL);
	jsonw_string(w, "type", type);
	jsonw_string(w, "bom-ref", ref);
	jsonw_string(w, "name", name);
	if (version && *version)
		jsonw_string(w, "version", version);
}

static void licences_write(struct jsonw *w, const char *expression)
{
	if (!expression || !*expression)
		return;
	jsonw_list(w, "licenses");
	jsonw_object(w, NULL);
	jsonw_string(w, "expression", expression);
	jsonw_end(w);
	jsonw_end(w);
}

static int files_write(struct writer *w, const struct model *m, size_t first, size_t count)
{
	struct jsonw *j = &w->json;
	char text[40];

	for (size_t i = first; i < first + count; i++) {
		const struct file_entry *f = &m->files.list[i];
		char *path = str_format("/%s", f->path);

		component_begin(j, "file", bom_ref(text, "file", i), path ? path : "", NULL);
		j->failed = j->failed || !path;
		free(path);
		jsonw_list(j, "hashes");
		jsonw_object(j, NULL);
		jsonw_string(j, "alg", "SHA-1");
		write_hex(j, "content", f->sha1, SHA1_SIZE);
		jsonw_end(j);
		jsonw_object(j, NULL);
		jsonw_string(j, "alg", "SHA-256");
		write_hex(j, "content", f->sha256, SHA256_SIZE);
		jsonw_end(j);
		jsonw_end(j);
		jsonw_end(j);
		if (writer_flush(w) < 0)
			return -1;
	}
	return 0;
}

static int packages_write(struct writer *w, const struct model *m, size_t first, size_t count)
{
	struct jsonw *j = &w->json;
	char text[40];

	for (size_t i = first; i < first + count; i++) {
		const struct package_entry *p = &m->packages.list[i];

		component_begin(j, "library", bom_ref(text, "package", p->number), p->name, p->version);
		if (*p->maintainer) {
			jsonw_object(j, "supplier");
			jsonw_string(j, "name", p->maintainer);
			jsonw_end(j);
		}
		licences_write(j, p->licence);
		write_taken(j, "purl", purl_package(m, p));
		jsonw_end(j);
		if (writer_flush(w) < 0)
			return -1;
	}
	return 0;
}

static void kernel_write(struct jsonw *w, const struct model *m)
{
	component_begin(w, "operating-system", "kernel", "linux", m->kernel);
	licences_write(w, "GPL-2.0-only WITH Linux-syscall-note");
	if (m->kernel)
		write_taken(w, "purl", purl_generic("linux", m->kernel));
	jsonw_end(w);
}

static int image_write(struct writer *w, const struct model *m, size_t number)
{
	const struct image_entry *image = &m->images.list[number];
	const char *hex = strchr(image->digest, ':');
	struct jsonw *j = &w->json;
	char text[40];

	component_begin(j, "container", bom_ref(text, "image", number), image->name, image->digest);
	if (hex) {
		jsonw_list(j, "hashes");
		jsonw_object(j, NULL);
		jsonw_string(j, "alg", str_starts(image->digest, "sha512:") ? "SHA-512" : "SHA-256");
		jsonw_string(j, "content", hex + 1);
		jsonw_end(j);
		jsonw_end(j);
	}
	licences_write(j, image->licence);
	write_taken(j, "purl", purl_image(image));
	jsonw_list(j, "components");
	if (image->kernel)
		kernel_write(j, m);
	if (packages_write(w, m, image->first_package, image->package_count) < 0 ||
	    files_write(w, m, image->first_file, image->file_count) < 0)
		return -1;
	jsonw_end(j);
	jsonw_end(j);
	return 0;
}

static void metadata_write(struct jsonw *w, const struct model *m)
{
	jsonw_object(w, "metadata");
	jsonw_string(w, "timestamp", m->created);
	jsonw_object(w, "tools");
	jsonw_list(w, "components");
	component_begin(w, "application", "pith", "pith", m->version);
	licences_write(w, "Apache-2.0");
	jsonw_end(w);
	jsonw_end(w);
	jsonw_end(w);
	jsonw_object(w, "component");
	jsonw_string(w, "type", "operating-system");
	jsonw_string(w, "bom-ref", "machine");
	jsonw_string(w, "name", "machine");
	jsonw_end(w);
	jsonw_end(w);
}

static int components_write(struct writer *w, const struct model *m)
{
	jsonw_list(&w->json, "components");
	for (size_t i = 0; i < m->images.count; i++)
		if (image_write(w, m, i) < 0)
			return -1;
	if (packages_write(w, m, m->own.first_package, m->own.package_count) < 0 ||
	    files_write(w, m, m->own.first_file, m->own.file_count) < 0)
		return -1;
	jsonw_end(&w->json);
	return 0;
}

static void dependencies_write(struct jsonw *w, const struct model *m)
{
	char text[40];

	jsonw_list(w, "dependencies");
	jsonw_object(w, NULL);
	jsonw_string(w, "ref", "machine");
	jsonw_list(w, "dependsOn");
	for (size_t i = 0; i < m->images.count; i++)
		jsonw_string(w, NULL, bom_ref(text, "image", i));
	jsonw_end(w);
	jsonw_end(w);
	jsonw_end(w);
}

int cyclonedx_write(struct writer *w, const struct model *m)
{
	struct jsonw *j = &w->json;

	jsonw_object(j, NULL);
	jsonw_string(j, "$schema", "http://cyclonedx.org/schema/bom-1.6.schema.json");
	jsonw_string(j, "bomFormat", "CycloneDX");
	jsonw_string(j, "specVersion", "1.6");
	writer_identity(w, "serialNumber", "urn:uuid:");
	jsonw_int(j, "version", 1);
	metadata_write(j, m);
	if (components_write(w, m) < 0)
		return -1;
	dependencies_write(j, m);
	jsonw_end(j);
	return 0;
}
