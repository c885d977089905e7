/* The limits of a container's process: "NAME,SOFT,HARD". */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "spec_private.h"
#include "str.h"

static const char *const rlimit_names[] = {
	"RLIMIT_CPU",      "RLIMIT_FSIZE",  "RLIMIT_DATA",    "RLIMIT_STACK",  "RLIMIT_CORE",  "RLIMIT_RSS",
	"RLIMIT_NPROC",    "RLIMIT_NOFILE", "RLIMIT_MEMLOCK", "RLIMIT_AS",     "RLIMIT_LOCKS", "RLIMIT_SIGPENDING",
	"RLIMIT_MSGQUEUE", "RLIMIT_NICE",   "RLIMIT_RTPRIO",  "RLIMIT_RTTIME", NULL,
};

static const char *rlimit_short_name(size_t i, const void *data)
{
	(void)data;
	return rlimit_names[i] ? rlimit_names[i] + strlen("RLIMIT_") : NULL;
}

/* Cuts blanks at both ends. */
static char *text_trim(char *s)
{
	char *end = s + strlen(s);

	while (end > s && strchr(" \t\n\v\f\r", end[-1]))
		*--end = '\0';
	return s + strspn(s, " \t\n\v\f\r");
}

static int rlimit_value(const char *s, uint64_t *out)
{
	if (strcasecmp(s, "unlimited") != 0)
		return str_to_u64(s, UINT64_MAX, out);
	*out = UINT64_MAX;
	return 0;
}

static void write_rlimit(struct spec_builder *b, const struct node *at)
{
	_cleanup_free_ char *copy = strdup(at->text), *name = NULL;
	char *soft = copy ? strchr(copy, ',') : NULL, *hard = soft ? strchr(soft + 1, ',') : NULL;
	uint64_t soft_value, hard_value;
	size_t i;

	if (!soft || !hard) {
		spec_error(b, at, "rlimits", "\"%s\" is not NAME,SOFT,HARD", at->text);
		diag_hint(b->diags, "for example \"nofile,1024,4096\", or \"core,0,unlimited\"");
		return;
	}
	*soft++ = '\0';
	*hard++ = '\0';
	name = text_trim(copy);
	name = strncasecmp(name, "RLIMIT_", 7) == 0 ? strdup(name) : str_format("RLIMIT_%s", name);
	for (i = 0; name && rlimit_names[i]; i++)
		if (strcasecmp(rlimit_names[i], name) == 0)
			break;
	if (!name || !rlimit_names[i]) {
		spec_error(b, at, "rlimits", "unknown limit \"%s\"", text_trim(copy));
		diag_suggest(b->diags, text_trim(copy), rlimit_short_name, NULL);
	} else if (rlimit_value(text_trim(soft), &soft_value) < 0 || rlimit_value(text_trim(hard), &hard_value) < 0) {
		spec_error(b, at, "rlimits", "in \"%s\" a limit is neither a number nor \"unlimited\"", at->text);
	} else {
		jsonw_object(&b->json, NULL);
		jsonw_string(&b->json, "type", rlimit_names[i]);
		jsonw_uint(&b->json, "hard", hard_value);
		jsonw_uint(&b->json, "soft", soft_value);
		jsonw_end(&b->json);
	}
}

void spec_rlimits(struct spec_builder *b)
{
	struct texts t = spec_pick_texts(b, CONTAINER_RLIMITS);
	size_t i, n = texts_count(&t);

	if (!n)
		return;
	jsonw_list(&b->json, "rlimits");
	for (i = 0; i < n; i++)
		write_rlimit(b, texts_at(&t, i));
	jsonw_end(&b->json);
}
