#include "event.h"

#include <errno.h>
#include <string.h>

#include "jsonr.h"
#include "str.h"

static const struct {
	const char *type, *action;
} deletions[] = {
	{ "image", "delete" },    { "container", "destroy" }, { "volume", "destroy" }, { "image", "prune" },
	{ "container", "prune" }, { "volume", "prune" },      { "builder", "prune" },
};

int event_deletes(const char *json, size_t n, const char **what, struct error *err)
{
	struct jsonr event, type, action;

	if (jsonr_parse(json, n, &event, err) < 0)
		return -1;
	if (event.type != JSONR_OBJECT)
		return error_set(err, 0, "an event is no JSON object");
	type = jsonr_get(&event, "Type");
	action = jsonr_get(&event, "Action");
	for (size_t i = 0; i < array_len(deletions); i++) {
		if (!jsonr_is(&type, deletions[i].type) || !jsonr_is(&action, deletions[i].action))
			continue;
		*what = deletions[i].type;
		return 1;
	}
	return 0;
}

/* --- times ------------------------------------------------------------------------------------------- */

#define MOST_NS (366ull * 24 * 3600 * 1000000000)

static const struct {
	const char *name; /* a longer one in front of its beginning */
	uint64_t ns;
} units[] = {
	{ "ns", 1 },         { "us", 1000 },       { "ms", 1000000 },
	{ "s", 1000000000 }, { "m", 60000000000 }, { "h", 3600000000000 },
};

/* Digits, perhaps with a fraction: whole and, of it, billionths. NULL: there is none. */
static const char *number_take(const char *s, uint64_t *whole, uint64_t *billionths)
{
	const char *start = s;
	uint64_t scale = 100000000;

	*whole = *billionths = 0;
	for (; *s >= '0' && *s <= '9'; s++)
		if (*whole <= MOST_NS)
			*whole = *whole * 10 + (uint64_t)(*s - '0');
	if (*s != '.')
		return s > start ? s : NULL;
	for (s++; *s >= '0' && *s <= '9'; s++, scale /= 10)
		*billionths += (uint64_t)(*s - '0') * scale;
	return s > start + 1 ? s : NULL;
}

int duration_parse(const char *s, uint64_t *out)
{
	uint64_t ns = 0, whole, billionths;

	errno = EINVAL;
	if (str_eq(s, "0")) {
		*out = 0;
		return 0;
	}
	do {
		size_t i = 0;

		s = number_take(s, &whole, &billionths);
		while (s && i < array_len(units) && !str_starts(s, units[i].name))
			i++;
		if (!s || i == array_len(units))
			return -1;
		s += strlen(units[i].name);
		if (whole > MOST_NS / units[i].ns) {
			errno = ERANGE;
			return -1;
		}
		ns += whole * units[i].ns +
			(units[i].ns >= 1000000000 ? billionths * (units[i].ns / 1000000000)
						   : billionths * units[i].ns / 1000000000);
		if (ns > MOST_NS) {
			errno = ERANGE;
			return -1;
		}
	} while (*s);
	*out = ns / 1000;
	return 0;
}
