/* Addresses of packages, which other programs look up what is known of them by. */
#include <stdlib.h>

#include "buf.h"
#include "cleanup.h"
#include "model_private.h"
#include "str.h"

/* What an address does not take as it is. `more`: what a part has beyond letters and digits. */
static int add_encoded(struct buf *out, const char *text, const char *more)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_~:";

	for (; *text; text++)
		if (strchr(plain, *text) || strchr(more, *text) ? buf_add(out, text, 1) < 0
								: buf_addf(out, "%%%02X", (unsigned char)*text) < 0)
			return -1;
	return 0;
}

static int add_lower(struct buf *out, const char *text)
{
	_cleanup_free_ char *lower = strdup(text);

	for (char *p = lower; p && *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
	return lower ? add_encoded(out, lower, "") : -1;
}

/* Qualifiers come in the order of their keys. */
static int add_qualifier(struct buf *out, bool *first, const char *key, const char *value, const char *more)
{
	if (!*value)
		return 0;
	if (buf_addf(out, "%c%s=", *first ? '?' : '&', key) < 0)
		return -1;
	*first = false;
	return add_encoded(out, value, more);
}

char *purl_package(const struct model *m, const struct package_entry *p)
{
	static const struct {
		const char *type, *vendor;
	} types[PACKAGE_KINDS] = { [PACKAGE_DEB] = { "deb", "debian" },
				   [PACKAGE_APK] = { "apk", "alpine" },
				   [PACKAGE_RPM] = { "rpm", "redhat" } };
	const struct root_entry *root = model_root(m, p->root);
	const char *vendor = *root->id ? root->id : types[p->kind].vendor, *version = p->version, *colon;
	_cleanup_free_ char *distro =
		*root->id && *root->version ? str_format("%s-%s", root->id, root->version) : strdup(root->id);
	_cleanup_free_ char *epoch = NULL;
	_cleanup_buf_ struct buf out = { 0 };
	bool first = true;

	colon = p->kind == PACKAGE_RPM ? strchr(version, ':') : NULL; /* RPM's epoch is a qualifier */
	epoch = colon ? strndup(version, (size_t)(colon - version)) : strdup("");
	if (!distro || !epoch || buf_addf(&out, "pkg:%s/", types[p->kind].type) < 0 || add_lower(&out, vendor) < 0 ||
	    buf_addstr(&out, "/") < 0 ||
	    (p->kind == PACKAGE_RPM ? add_encoded(&out, p->name, "") : add_lower(&out, p->name)) < 0 ||
	    buf_addstr(&out, "@") < 0 || add_encoded(&out, colon ? colon + 1 : version, "") < 0 ||
	    add_qualifier(&out, &first, "arch", p->arch, "") < 0 ||
	    add_qualifier(&out, &first, "distro", distro, "") < 0 ||
	    add_qualifier(&out, &first, "epoch", epoch, "") < 0)
		return NULL;
	return buf_steal_text(&out);
}

/* "docker.io/library/redis:7@sha256:..." is redis of docker.io/library/redis. */
char *purl_image(const struct image_entry *image)
{
	const char *at = strchr(image->name, '@'), *slash, *colon, *base;
	_cleanup_free_ char *name = strndup(image->name, at ? (size_t)(at - image->name) : strlen(image->name)),
			    *tag = NULL;
	_cleanup_buf_ struct buf out = { 0 };
	bool first = true;

	if (!name)
		return NULL;
	slash = strrchr(name, '/');
	base = slash ? slash + 1 : name;
	colon = strchr(base, ':');
	tag = strdup(colon ? colon + 1 : "");
	if (colon)
		name[colon - name] = 0;
	if (!tag || buf_addstr(&out, "pkg:oci/") < 0 || add_lower(&out, base) < 0 || buf_addstr(&out, "@") < 0 ||
	    add_encoded(&out, image->digest, "") < 0 || add_qualifier(&out, &first, "arch", image->arch, "") < 0 ||
	    add_qualifier(&out, &first, "repository_url", name, "/") < 0 ||
	    add_qualifier(&out, &first, "tag", tag, "") < 0)
		return NULL;
	return buf_steal_text(&out);
}

char *purl_generic(const char *name, const char *version)
{
	_cleanup_buf_ struct buf out = { 0 };

	if (buf_addf(&out, "pkg:generic/%s@", name) < 0 || add_encoded(&out, version, "") < 0)
		return NULL;
	return buf_steal_text(&out);
}
