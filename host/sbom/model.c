/* The model: lists that grow, and their order at the end. */
#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#include "model_private.h"
#include "str.h"

void *list_grow(void *list, size_t *count, size_t *room, size_t size)
{
	uint8_t **bytes = list;

	if (*count == *room) {
		size_t more = *room ? *room * 2 : 64;
		uint8_t *grown = realloc(*bytes, more * size);

		if (!grown)
			return NULL;
		*bytes = grown;
		*room = more;
	}
	return memset(*bytes + (*count)++ * size, 0, size);
}

const char *model_text(struct model *m, const char *at, size_t n)
{
	return n ? arena_copy(&m->text, at, n) : "";
}

uint32_t model_image(const struct model *m, const char *name)
{
	for (size_t i = 0; i < m->images.count; i++)
		if (str_eq(m->images.list[i].name, name))
			return (uint32_t)i;
	return IMAGE_NONE;
}

/* --- order --- */

static int by_number(uint32_t a, uint32_t b)
{
	return a < b ? -1 : a > b;
}

static int package_compare(const void *a, const void *b)
{
	const struct package_entry *x = a, *y = b;
	int r = by_number(x->image, y->image);

	r = r ? r : by_number(x->kind, y->kind);
	r = r ? r : strcmp(x->root, y->root);
	r = r ? r : strcmp(x->name, y->name);
	r = r ? r : strcmp(x->version, y->version);
	r = r ? r : strcmp(x->arch, y->arch);
	r = r ? r : strcmp(x->licence, y->licence);
	r = r ? r : strcmp(x->maintainer, y->maintainer);
	return r ? r : strcmp(x->source, y->source);
}

static int file_compare(const void *a, const void *b)
{
	const struct file_entry *x = a, *y = b;
	int r = by_number(x->image, y->image);

	return r ? r : strcmp(x->path, y->path);
}

static int file_compare_inode(const void *a, const void *b)
{
	const struct file_entry *x = a, *y = b;

	if (x->inode != y->inode)
		return (uintptr_t)x->inode < (uintptr_t)y->inode ? -1 : 1;
	return y->seen - x->seen;
}

static int root_compare(const void *a, const void *b)
{
	const struct root_entry *x = a, *y = b;
	int r = strcmp(x->root, y->root);

	/* of etc/ and usr/lib/ the one that says something */
	r = r ? r : (*y->id != 0) - (*x->id != 0);
	r = r ? r : strcmp(x->id, y->id);
	return r ? r : strcmp(x->version, y->version);
}

static int copyright_compare(const void *a, const void *b)
{
	const struct copyright_entry *x = a, *y = b;
	int r = strcmp(x->root, y->root);

	return r ? r : strcmp(x->package, y->package);
}

static void list_sort(void *list, size_t count, size_t size, int (*compare)(const void *, const void *))
{
	if (count)
		qsort(list, count, size, compare);
}

const struct root_entry *model_root(const struct model *m, const char *root)
{
	static const struct root_entry none = { "", "", "" };

	for (size_t i = 0; i < m->roots.count; i++)
		if (str_eq(m->roots.list[i].root, root))
			return &m->roots.list[i];
	return &none;
}

/* --- finishing --- */

/* A file's other names have its digests. */
static void files_join(struct model *m)
{
	struct file_entry *f = m->files.list;

	list_sort(f, m->files.count, sizeof(*f), file_compare_inode);
	for (size_t i = 1; i < m->files.count; i++) {
		if (f[i].seen || f[i].inode != f[i - 1].inode)
			continue;
		memcpy(f[i].sha1, f[i - 1].sha1, SHA1_SIZE);
		memcpy(f[i].sha256, f[i - 1].sha256, SHA256_SIZE);
		f[i].seen = f[i - 1].seen;
	}
	list_sort(f, m->files.count, sizeof(*f), file_compare);
}

static void packages_join(struct model *m)
{
	struct package_entry *p = m->packages.list;
	size_t n = 0;

	for (size_t i = 0; i < m->packages.count; i++) {
		struct copyright_entry key = { p[i].root, p[i].name, NULL }, *c;

		if (p[i].kind != PACKAGE_DEB || *p[i].licence || !m->copyrights.count)
			continue;
		c = bsearch(&key, m->copyrights.list, m->copyrights.count, sizeof(key), copyright_compare);
		if (c)
			p[i].licence = c->licence;
	}
	list_sort(p, m->packages.count, sizeof(*p), package_compare);
	for (size_t i = 0; i < m->packages.count; i++) /* the same in two databases of an image is one */
		if (!n || package_compare(&p[n - 1], &p[i]) != 0)
			p[n++] = p[i];
	m->packages.count = n;
	for (size_t i = 0; i < n; i++)
		p[i].number = (uint32_t)i;
}

static int sha1_compare(const void *a, const void *b)
{
	return memcmp(a, b, SHA1_SIZE);
}

/* SPDX 2.3, 7.9: SHA-1 over all files' SHA-1 as hexadecimal digits, sorted. */
static int image_verification(struct image_entry *image, const struct file_entry *files, struct error *err)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	uint8_t *sums = malloc(image->file_count * SHA1_SIZE + 1), sum[EVP_MAX_MD_SIZE];
	bool good = md && sums && EVP_DigestInit_ex(md, EVP_sha1(), NULL) == 1;

	for (size_t i = 0; good && i < image->file_count; i++)
		memcpy(sums + i * SHA1_SIZE, files[i].sha1, SHA1_SIZE);
	if (good)
		list_sort(sums, image->file_count, SHA1_SIZE, sha1_compare);
	for (size_t i = 0; good && i < image->file_count; i++) {
		char hex[2 * SHA1_SIZE + 1];

		for (size_t k = 0; k < SHA1_SIZE; k++)
			sprintf(hex + 2 * k, "%02x", sums[i * SHA1_SIZE + k]);
		good = EVP_DigestUpdate(md, hex, 2 * SHA1_SIZE) == 1;
	}
	good = good && EVP_DigestFinal_ex(md, sum, NULL) == 1;
	for (size_t k = 0; good && k < SHA1_SIZE; k++)
		sprintf(image->verification + 2 * k, "%02x", sum[k]);
	EVP_MD_CTX_free(md);
	free(sums);
	return good ? 0 : error_set(err, ENOMEM, "SBOM");
}

/* Where each image's part of the sorted lists is. */
static int images_index(struct model *m, struct error *err)
{
	size_t package = 0, file = 0;

	for (size_t i = 0; i <= m->images.count; i++) {
		bool own = i == m->images.count;
		struct image_entry *image = own ? &m->own : &m->images.list[i];

		image->first_package = package;
		while (package < m->packages.count && (own || m->packages.list[package].image == i))
			package++;
		image->package_count = package - image->first_package;
		image->first_file = file;
		while (file < m->files.count && (own || m->files.list[file].image == i))
			file++;
		image->file_count = file - image->first_file;
		if (image->file_count && image_verification(image, m->files.list + image->first_file, err) < 0)
			return -1;
	}
	return 0;
}

int model_finish(struct model *m, struct error *err)
{
	if (m->finished)
		return 0;
	list_sort(m->roots.list, m->roots.count, sizeof(*m->roots.list), root_compare);
	list_sort(m->copyrights.list, m->copyrights.count, sizeof(*m->copyrights.list), copyright_compare);
	files_join(m);
	packages_join(m);
	m->finished = true;
	return images_index(m, err);
}

void model_clear(struct model *m)
{
	for (size_t i = 0; i < m->images.count; i++) {
		free(m->images.list[i].name);
		free(m->images.list[i].digest);
		free(m->images.list[i].arch);
		free(m->images.list[i].licence);
	}
	free(m->images.list);
	free(m->packages.list);
	free(m->files.list);
	free(m->roots.list);
	free(m->copyrights.list);
	free(m->version);
	free(m->created);
	free(m->kernel);
	licence_refs_clear(&m->refs);
	arena_free(&m->text);
}
