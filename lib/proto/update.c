#include "update.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "str.h"

#define FIRST_LINE "pith update "

/* The rest of a line that begins with this word; NULL: another line is there. *at moves on to the next line. */
static char *line_take(char **at, const char *word)
{
	char *line = *at, *end = strchr(line, '\n');

	if (!end || !str_starts(line, word))
		return NULL;
	*end = '\0';
	*at = end + 1;
	return line + strlen(word);
}

static bool hex_is(const char *text)
{
	return strlen(text) == SHA256_HEX - 1 && strspn(text, "0123456789abcdef") == SHA256_HEX - 1;
}

static int part_parse(char *text, struct update_part *out)
{
	char *digest = text ? strchr(text, ' ') : NULL;

	if (!digest)
		return -1;
	*digest++ = '\0';
	if (str_to_u64(text, UPDATE_PART_MAX - 1, &out->size) < 0 || out->size == 0 || !hex_is(digest))
		return -1;
	memcpy(out->sha256, digest, SHA256_HEX);
	return 0;
}

static int text_take(const char *text, char *out, size_t size)
{
	size_t n = text ? strlen(text) : 0;

	if (n == 0 || n >= size)
		return -1;
	memcpy(out, text, n + 1);
	return 0;
}

int update_parse(const uint8_t header[UPDATE_HEADER], struct update *out, struct error *err)
{
	char text[UPDATE_HEADER + 1], *at = text;
	const char *version;
	uint8_t uuid[16];

	memcpy(text, header, UPDATE_HEADER);
	text[UPDATE_HEADER] = '\0';
	*out = (struct update){ 0 };
	version = line_take(&at, FIRST_LINE);
	if (!version)
		return error_say(err, EINVAL,
				 "this is no update: `pith build --format update` makes one (NAME.update)");
	if (!str_eq(version, "1"))
		return error_say(err, ENOTSUP, "this update is of a later pith: its version is %.16s, 1 is known",
				 version);
	if (text_take(line_take(&at, "arch "), out->arch, sizeof(out->arch)) < 0)
		return error_say(err, EINVAL, "the update's header is damaged at its line \"arch\"");
	if (text_take(line_take(&at, "uuid "), out->uuid, sizeof(out->uuid)) < 0 ||
	    strlen(out->uuid) != UUID_TEXT - 1 || uuid_parse(out->uuid, uuid) < 0)
		return error_say(err, EINVAL, "the update's header is damaged at its line \"uuid\"");
	if (part_parse(line_take(&at, "kernel "), &out->kernel) < 0)
		return error_say(err, EINVAL, "the update's header is damaged at its line \"kernel\"");
	if (part_parse(line_take(&at, "root "), &out->root) < 0 || out->root.size % UPDATE_BLOCK)
		return error_say(err, EINVAL, "the update's header is damaged at its line \"root\"");
	return 0;
}

void update_format(const struct update *u, uint8_t header[UPDATE_HEADER])
{
	memset(header, 0, UPDATE_HEADER);
	snprintf((char *)header, UPDATE_HEADER, FIRST_LINE "1\narch %s\nuuid %s\nkernel %llu %s\nroot %llu %s\n",
		 u->arch, u->uuid, (unsigned long long)u->kernel.size, u->kernel.sha256,
		 (unsigned long long)u->root.size, u->root.sha256);
}
