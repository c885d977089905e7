#include "record.h"

#include <errno.h>
#include <string.h>

/* Digits up to `ends`, which is passed over. */
static int number_take(const char **at, const char *end, const char *ends, uint64_t *out)
{
	const char *start = *at;

	for (*out = 0; *at < end && **at >= '0' && **at <= '9'; ++*at) {
		uint64_t digit = (uint64_t)(**at - '0');

		if (*out > (UINT64_MAX - digit) / 10)
			return -1;
		*out = *out * 10 + digit;
	}
	if (*at == start || *at == end || !strchr(ends, **at) || **at == '\0')
		return -1;
	++*at;
	return 0;
}

int record_parse(const char *bytes, size_t n, struct kmsg_record *out, struct error *err)
{
	const char *at = bytes, *end = bytes + n, *stop;
	uint64_t priority;

	if (number_take(&at, end, ",", &priority) < 0 || number_take(&at, end, ",", &out->number) < 0 ||
	    number_take(&at, end, ",;", &out->us) < 0)
		return error_say(err, EPROTO, "no record of the kernel's log");
	if (at[-1] == ',') {
		at = memchr(at, ';', (size_t)(end - at));
		if (!at)
			return error_say(err, EPROTO, "a record of the kernel's log without a message");
		at++;
	}
	stop = memchr(at, '\n', (size_t)(end - at));
	out->msg = at;
	out->msg_len = (size_t)((stop ? stop : end) - at);
	return 0;
}
