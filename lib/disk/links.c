#include "links.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buf.h"
#include "io.h"
#include "str.h"

char *links_encode(const char *value)
{
	_cleanup_buf_ struct buf out = { 0 };
	size_t left = strlen(value);

	while (left > 0) {
		unsigned char c = (unsigned char)*value;
		size_t n = str_shown(value, left);
		int r;

		if (n > 1)
			r = buf_add(&out, value, n);
		else if (n == 1 && (isalnum(c) || strchr("#+-.:=@_", c)))
			r = buf_add(&out, value, 1);
		else
			r = buf_addf(&out, "\\x%02x", c);
		if (r < 0)
			return NULL;
		value += n ? n : 1;
		left -= n ? n : 1;
	}
	return buf_steal_text(&out);
}

static int link_make(const char *dev, const char *by, const char *value, const char *device, struct error *err)
{
	_cleanup_free_ char *name = value && *value ? links_encode(value) : NULL;
	_cleanup_free_ char *dir = str_format("%s/disk/%s", dev, by);
	_cleanup_free_ char *path = name ? str_format("%s/%s", dir, name) : NULL;
	_cleanup_free_ char *target = NULL;
	struct stat st;

	if (!value || !*value || str_eq(value, ".") || str_eq(value, ".."))
		return 0;
	target = str_format("../../%s",
			    str_starts(device, dev) && device[strlen(dev)] == '/' ? device + strlen(dev) + 1 : device);
	if (!dir || !path || !target)
		return error_set(err, ENOMEM, "%s", device);
	if (dir_make(dir, 0755, err) < 0)
		return -1;
	if (stat(path, &st) == 0)
		return 0;
	unlink(path);
	return symlink(target, path) < 0 && errno != EEXIST ? error_set(err, errno, "%s", path) : 0;
}

int links_make(const char *dev, const struct probe *found, size_t count, struct error *err)
{
	for (size_t i = 0; i < count; i++) {
		const struct probe *p = &found[i];

		if (link_make(dev, "by-uuid", p->uuid, p->device, err) < 0 ||
		    link_make(dev, "by-label", p->label, p->device, err) < 0 ||
		    link_make(dev, "by-partuuid", p->part_uuid, p->device, err) < 0 ||
		    link_make(dev, "by-partlabel", p->part_label, p->device, err) < 0)
			return -1;
	}
	return 0;
}
