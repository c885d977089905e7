/* Which files of an image are databases, and what each of them gives the model. */
#include <errno.h>

#include "collect_private.h"
#include "str.h"

static const struct known {
	const char *path; /* with a slash at the end: every file in that directory */
	const char *file; /* in each directory of that one; NULL: the directory's own files */
	enum database kind;
} known[] = {
	{ "var/lib/dpkg/status", NULL, DATABASE_DPKG },
	{ "var/lib/dpkg/status.d/", NULL, DATABASE_DPKG },
	{ "usr/lib/apk/db/installed", NULL, DATABASE_APK },
	{ "lib/apk/db/installed", NULL, DATABASE_APK },
	{ "var/lib/rpm/rpmdb.sqlite", NULL, DATABASE_RPM_SQLITE },
	{ "usr/lib/sysimage/rpm/rpmdb.sqlite", NULL, DATABASE_RPM_SQLITE },
	{ "usr/share/rpm/rpmdb.sqlite", NULL, DATABASE_RPM_SQLITE },
	{ "var/lib/rpm/Packages.db", NULL, DATABASE_RPM_NDB },
	{ "usr/lib/sysimage/rpm/Packages.db", NULL, DATABASE_RPM_NDB },
	{ "var/lib/rpm/Packages", NULL, DATABASE_RPM_BDB },
	{ "usr/lib/sysimage/rpm/Packages", NULL, DATABASE_RPM_BDB },
	{ "usr/lib/os-release", NULL, DATABASE_OS_RELEASE },
	{ "etc/os-release", NULL, DATABASE_OS_RELEASE },
	{ "usr/share/doc/", "copyright", DATABASE_COPYRIGHT },
};

/* The path ends with that, at the beginning of a name: where the rest of it ends. */
static bool path_ends(const char *path, size_t len, const char *tail, size_t *root_len)
{
	size_t n = strlen(tail);

	if (len < n || memcmp(path + len - n, tail, n) != 0 || (len > n && path[len - n - 1] != '/'))
		return false;
	*root_len = len > n ? len - n - 1 : 0;
	return true;
}

static bool known_match(const struct known *k, const char *path, struct database_file *out)
{
	size_t len = strlen(path), tail = strlen(k->path);
	const char *slash = strrchr(path, '/');

	if (k->path[tail - 1] != '/')
		return path_ends(path, len, k->path, &out->root_len);
	if (!slash || (k->file ? !str_eq(slash + 1, k->file) : str_ends(path, ".md5sums")))
		return false;
	out->package = (struct slice){ slash + 1, strlen(slash + 1) };
	if (k->file) {
		const char *end = slash;

		while (slash > path && slash[-1] != '/')
			slash--;
		out->package = (struct slice){ slash, (size_t)(end - slash) };
		return path_ends(path, (size_t)(slash - path), k->path, &out->root_len);
	}
	return path_ends(path, (size_t)(slash + 1 - path), k->path, &out->root_len);
}

void database_match(const char *path, struct database_file *out)
{
	*out = (struct database_file){ .path = path };
	if (str_eq(path, "boot/kernel")) {
		out->kind = DATABASE_KERNEL;
		return;
	}
	for (size_t i = 0; i < array_len(known); i++)
		if (known_match(&known[i], path, out)) {
			out->kind = known[i].kind;
			return;
		}
}

struct reading {
	struct model *model;
	const char *root;
	uint32_t image;
};

/* A licence that the database states; copyright files are joined at the end. */
static const char *package_licence(struct model *m, struct slice text)
{
	_cleanup_free_ char *expression = NULL;

	if (licence_expression(text, &m->refs, &expression) < 0)
		return NULL;
	return expression ? model_text(m, expression, strlen(expression)) : "";
}

static int package_found(void *data, const struct found_package *p, struct error *err)
{
	struct reading *r = data;
	struct model *m = r->model;
	struct package_entry e = { .kind = p->kind, .image = r->image, .root = r->root }, *entry;

	e.name = model_text(m, p->name.at, p->name.len);
	e.version = model_text(m, p->version.at, p->version.len);
	e.arch = model_text(m, p->arch.at, p->arch.len);
	e.maintainer = model_text(m, p->maintainer.at, p->maintainer.len);
	e.source = model_text(m, p->source.at, p->source.len);
	e.licence = package_licence(m, p->licence);
	entry = LIST_ADD(m->packages);
	if (!entry || !e.name || !e.version || !e.arch || !e.maintainer || !e.source || !e.licence)
		return error_set(err, ENOMEM, "SBOM");
	*entry = e;
	return 0;
}

static int os_release_read(struct reading *r, const char *text, size_t n, struct error *err)
{
	struct root_entry *entry = LIST_ADD(r->model->roots);
	struct slice id, version;

	if (!entry)
		return error_set(err, ENOMEM, "SBOM");
	os_release_parse(text, n, &id, &version);
	entry->root = r->root;
	entry->id = model_text(r->model, id.at, id.len);
	entry->version = model_text(r->model, version.at, version.len);
	return entry->id && entry->version ? 0 : error_set(err, ENOMEM, "SBOM");
}

static int copyright_read(struct reading *r, struct slice package, const char *text, size_t n, struct error *err)
{
	_cleanup_free_ char *licence = NULL;
	struct copyright_entry *entry;

	if (copyright_expression(text, n, &r->model->refs, &licence) < 0)
		return error_set(err, ENOMEM, "SBOM");
	if (!licence)
		return 0;
	entry = LIST_ADD(r->model->copyrights);
	if (!entry)
		return error_set(err, ENOMEM, "SBOM");
	entry->root = r->root;
	entry->package = model_text(r->model, package.at, package.len);
	entry->licence = model_text(r->model, licence, strlen(licence));
	return entry->package && entry->licence ? 0 : error_set(err, ENOMEM, "SBOM");
}

/* A bzImage's (Documentation/arch/x86/boot.rst); other kernels do not say. */
static int kernel_read(struct model *m, const uint8_t *head, size_t n, struct error *err)
{
	size_t from, len = 0;

	if (m->kernel || n < 0x250 || memcmp(head + 0x202, "HdrS", 4) != 0)
		return 0;
	from = 0x200 + (size_t)(head[0x20e] | head[0x20f] << 8);
	while (from + len < n && len < 64 && head[from + len] > ' ' && head[from + len] < 0x7f)
		len++;
	m->kernel = len ? strndup((const char *)head + from, len) : NULL;
	return len && !m->kernel ? error_set(err, ENOMEM, "SBOM") : 0;
}

static int content_read(struct reading *r, const struct database_file *f, const struct buf *content, struct error *err)
{
	const char *text = buf_text(content);
	size_t n = content->len;

	switch (f->kind) {
	case DATABASE_DPKG:
		return dpkg_parse(text, n, package_found, r, err);
	case DATABASE_APK:
		return apk_parse(text, n, package_found, r, err);
	case DATABASE_RPM_SQLITE:
		return rpm_sqlite_parse((const uint8_t *)text, n, package_found, r, err);
	case DATABASE_RPM_NDB:
		return rpm_ndb_parse((const uint8_t *)text, n, package_found, r, err);
	case DATABASE_RPM_BDB:
		return error_say(err, ENOTSUP, "RPM's database in the format of Berkeley DB, which is not read");
	case DATABASE_KERNEL:
		return kernel_read(r->model, (const uint8_t *)text, n, err);
	case DATABASE_OS_RELEASE:
		return os_release_read(r, text, n, err);
	case DATABASE_COPYRIGHT:
		return copyright_read(r, f->package, text, n, err);
	default:
		return 0;
	}
}

int database_read(struct model *m, const struct database_file *f, const struct buf *content, char ***doubts,
		  struct error *err)
{
	struct reading r = { .model = m, .root = model_text(m, f->path, f->root_len), .image = f->image };
	_cleanup_error_ struct error why = { 0 };

	if (!r.root)
		return error_set(err, ENOMEM, "SBOM");
	if (content_read(&r, f, content, &why) == 0)
		return 0;
	if (why.code == ENOMEM ||
	    strv_addf(doubts, "/%s: %s: packages of it are missing in the SBOM", f->path, error_text(&why)) < 0)
		return error_set(err, ENOMEM, "SBOM");
	return 0;
}
