#include "findings.h"

#include <errno.h>

#include "str.h"

void findings_clear(struct findings *f)
{
	for (size_t i = 0; i < f->count; i++)
		buf_free(&f->list[i].text);
	buf_free(&f->userdata);
	*f = (struct findings){ 0 };
}

int findings_add(struct findings *f, const char *name, const void *text, size_t n, struct error *err)
{
	struct finding *to = NULL;

	if (n > FINDING_MAX)
		return error_say(err, EFBIG, "%s has more than %d bytes", name, FINDING_MAX);
	for (size_t i = 0; i < f->count && !to; i++)
		if (str_eq(f->list[i].name, name))
			to = &f->list[i];
	if (!to) {
		if (f->count == FINDINGS_MAX)
			return error_set(err, E2BIG, "%s", name);
		to = &f->list[f->count++];
		*to = (struct finding){ .name = name, .mode = str_eq(name, FINDING_KEYS) ? 0600 : 0644 };
	}
	buf_clear(&to->text);
	return buf_add(&to->text, text, n) < 0 ? error_set(err, ENOMEM, "%s", name) : 0;
}

void findings_userdata(struct findings *f, struct buf *text)
{
	buf_free(&f->userdata);
	f->userdata = *text;
	*text = (struct buf){ 0 };
	f->has_userdata = true;
}
