#include "volume.h"

#include "volume_private.h"

int volume_probe(const struct medium *m, struct volume *v, struct error *err)
{
	int r;

	*v = (struct volume){ 0 };
	r = iso9660_probe(m, v, err);
	return r != 0 ? r : fat_probe(m, v, err);
}

int volume_read(const struct medium *m, const struct volume *v, const char *name, size_t max, struct buf *out,
		struct error *err)
{
	size_t before = out->len;
	int r = 0;

	if (v->kind == VOLUME_ISO9660)
		r = iso9660_read(m, v, name, max, out, err);
	else if (v->kind == VOLUME_FAT)
		r = fat_read(m, v, name, max, out, err);
	if (r <= 0)
		buf_truncate(out, before);
	return r;
}
