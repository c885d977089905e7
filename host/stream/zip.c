/* Compressing sinks: which there are. gzip.c and zstd.c do it. */
#include "zip.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "str.h"
#include "zip_private.h"

int zip_parse(const char *text, enum zip *out, int *level, struct error *err)
{
	static const struct {
		const char *name;
		uint64_t levels;
	} kinds[] = { [ZIP_NONE] = { "none", 0 }, [ZIP_GZIP] = { "gzip", 9 }, [ZIP_ZSTD] = { "zstd", 19 } };
	const char *colon = strchr(text, ':');
	size_t n = colon ? (size_t)(colon - text) : strlen(text);
	uint64_t number = 0;

	for (size_t i = 0; i < array_len(kinds); i++) {
		if (strlen(kinds[i].name) != n || memcmp(kinds[i].name, text, n) != 0)
			continue;
		if (colon && (str_to_u64(colon + 1, kinds[i].levels, &number) < 0 || !number))
			break;
		*out = (enum zip)i;
		*level = (int)number;
		return 0;
	}
	return error_say(err, EINVAL,
			 "\"%s\" is no compression: none, gzip (gzip:1 to gzip:9) or zstd (zstd:1 to zstd:19)", text);
}

/* --- no compression --- */

struct pass {
	struct sink base;
	struct sink *next;
};

static int pass_write(struct sink *base, const void *data, size_t n, struct error *err)
{
	return sink_write(((struct pass *)base)->next, data, n, err);
}

static int pass_finish(struct sink *base, struct error *err)
{
	(void)base;
	(void)err;
	return 0;
}

static void pass_free(struct sink *base)
{
	free(base);
}

static struct sink *pass_sink(struct sink *next, struct error *err)
{
	struct pass *s = malloc(sizeof(*s));

	if (!s) {
		error_set(err, ENOMEM, "writing");
		return NULL;
	}
	*s = (struct pass){ .base = { .write = pass_write, .finish = pass_finish, .free = pass_free }, .next = next };
	return &s->base;
}

/* --- which one --- */

/* Those that this process may run on. */
static size_t processors_count(void)
{
	cpu_set_t set;
	long online;

	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		return (size_t)CPU_COUNT(&set);
	online = sysconf(_SC_NPROCESSORS_ONLN); /* there are more than such a set holds */
	return online < 1 ? 1 : (size_t)online;
}

struct sink *zip_sink_on(struct sink *next, enum zip zip, int level, size_t processors, struct error *err)
{
	switch (zip) {
	case ZIP_GZIP:
		return gzip_sink(next, level, processors, err);
	case ZIP_ZSTD:
		return zstd_sink(next, level, processors, err);
	default:
		return pass_sink(next, err);
	}
}

struct sink *zip_sink(struct sink *next, enum zip zip, int level, struct error *err)
{
	return zip_sink_on(next, zip, level, processors_count(), err);
}
