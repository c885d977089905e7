#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mount_private.h"

static const char uidmap_name[] = "uidmap=", gidmap_name[] = "gidmap=";
static const char format_prefix[] = "format/", mkdir_prefix[] = "mkdir/";

void mount_prepared_clear(struct mount_prepared *p)
{
	free(p->type);
	free(p->source);
	free(p->target);
	free(p->uids);
	free(p->gids);
	strv_free(p->options);
	*p = (struct mount_prepared){ 0 };
}

/* An option of containerd's own is carried out, what is the file system's is kept. */
static int option_take(const char *option, bool mkdirs, struct mount_prepared *p, struct error *err)
{
	int r = mkdirs ? mount_mkdir(option, err) : 0;

	if (r != 0)
		return r < 0 ? -1 : 0;
	if (str_eq(option, "loop")) {
		p->loop = true;
		return 0;
	}
	if (str_starts(option, uidmap_name) || str_starts(option, gidmap_name)) {
		char **map = str_starts(option, uidmap_name) ? &p->uids : &p->gids;

		free(*map);
		*map = strdup(option + strlen(uidmap_name));
		return *map ? 0 : error_set(err, ENOMEM, "mount options");
	}
	return strv_add(&p->options, option) < 0 ? error_set(err, ENOMEM, "mount options") : 0;
}

static char *field_make(const char *text, bool format, const struct mount_made *made, size_t count, struct error *err)
{
	char *copy = format ? mount_format(text, made, count, err) : strdup(text);

	if (!copy && !format)
		error_set(err, ENOMEM, "mount");
	return copy;
}

int mount_prepare(const Containerd__Types__Mount *m, const struct mount_made *made, size_t count,
		  struct mount_prepared *p, struct error *err)
{
	bool format = false, mkdirs = false;
	const char *type = m->type;

	for (;;) {
		if (str_starts(type, format_prefix)) {
			format = true;
			type += strlen(format_prefix);
		} else if (str_starts(type, mkdir_prefix)) {
			mkdirs = true;
			type += strlen(mkdir_prefix);
		} else {
			break;
		}
	}
	p->type = strdup(type);
	if (!p->type)
		return error_set(err, ENOMEM, "mount");
	p->source = field_make(m->source, format, made, count, err);
	p->target = p->source ? field_make(m->target, format, made, count, err) : NULL;
	if (!p->target)
		return -1;
	for (size_t i = 0; i < m->n_options; i++) {
		_cleanup_free_ char *option = field_make(m->options[i], format, made, count, err);

		if (!option || option_take(option, mkdirs, p, err) < 0)
			return -1;
	}
	if (!p->uids != !p->gids)
		return error_say(err, EINVAL, "mount option %smap= without the other's", p->uids ? "uid" : "gid");
	return 0;
}

bool mount_has_format(const Containerd__Types__Mount *m)
{
	return str_starts(m->type, format_prefix);
}
