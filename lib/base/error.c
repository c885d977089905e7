#include "error.h"

#include <stdarg.h>
#include <string.h>

__attribute__((format(printf, 1, 0))) static char *text_make(const char *fmt, va_list ap)
{
	char *s = NULL;

	if (vasprintf(&s, fmt, ap) < 0)
		return NULL;
	return s;
}

int error_set(struct error *err, int code, const char *fmt, ...)
{
	_cleanup_free_ char *text = NULL;
	char *msg = NULL;
	va_list ap;

	if (!err)
		return -1;
	va_start(ap, fmt);
	text = text_make(fmt, ap);
	va_end(ap);
	if (text && code != 0) {
		if (asprintf(&msg, "%s: %s", text, strerror(code)) < 0)
			msg = NULL;
	} else {
		msg = steal_ptr(&text);
	}
	free(err->msg);
	err->msg = msg;
	err->code = code;
	return -1;
}

int error_say(struct error *err, int code, const char *fmt, ...)
{
	char *text;
	va_list ap;

	if (!err)
		return -1;
	va_start(ap, fmt);
	text = text_make(fmt, ap);
	va_end(ap);
	free(err->msg);
	err->msg = text;
	err->code = code;
	return -1;
}

int error_wrap(struct error *err, const char *fmt, ...)
{
	_cleanup_free_ char *text = NULL;
	char *msg = NULL;
	va_list ap;

	if (!err)
		return -1;
	va_start(ap, fmt);
	text = text_make(fmt, ap);
	va_end(ap);
	/* Without memory for the longer text the shorter one has to do. */
	if (text && asprintf(&msg, "%s: %s", text, error_text(err)) >= 0) {
		free(err->msg);
		err->msg = msg;
	}
	return -1;
}

const char *error_text(const struct error *err)
{
	if (err->msg)
		return err->msg;
	return err->code != 0 ? strerror(err->code) : "unknown error";
}

void error_clear(struct error *err)
{
	free(err->msg);
	err->msg = NULL;
	err->code = 0;
}

int error_move(struct error *to, struct error *from)
{
	if (to) {
		free(to->msg);
		*to = *from;
		from->msg = NULL;
		from->code = 0;
	} else {
		error_clear(from);
	}
	return -1;
}
