#include "lines.h"

#include <string.h>
#include <strings.h>

#include "str.h"

int lines_parse_port(const char **text, uint32_t *port, uint16_t *type)
{
	char number[12];
	size_t len = strspn(*text, "0123456789");
	uint64_t value;

	if (**text == '\0')
		return 0;
	if (len == 0 || len >= sizeof(number))
		return -1;
	memcpy(number, *text, len);
	number[len] = '\0';
	if (str_to_u64(number, UINT32_MAX - 1, &value) < 0)
		return -1;
	*text += len;
	*port = (uint32_t)value;
	*type = VSOCK_STREAM;
	if (str_starts(*text, "/seqpacket")) {
		*type = VSOCK_SEQPACKET;
		*text += strlen("/seqpacket");
	}
	if (**text == ',')
		(*text)++;
	else if (**text != '\0')
		return -1;
	return 1;
}

/* Eight digits as the names have them; case as it comes. */
static bool parse_hex(const char *text, uint32_t *out)
{
	int i;

	*out = 0;
	for (i = 0; i < 8; i++) {
		char c = text[i];

		if (c >= '0' && c <= '9')
			*out = *out << 4 | (uint32_t)(c - '0');
		else if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))
			*out = *out << 4 | (uint32_t)((c | 0x20) - 'a' + 10);
		else
			return false;
	}
	return true;
}

/* Blanks around what stands in a line. */
static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* The line of a client without the blanks around it. Bytes that it takes, its newline included; 0: it is not complete
 * yet; -1: too long. */
static int line_find(const char *text, size_t len, bool ended, const char **start, size_t *n)
{
	const char *newline = memchr(text, '\n', len), *end = newline ? newline : text + len;
	int used = newline ? (int)(newline - text) + 1 : (int)len;

	if (!newline && len == LINES_BYTES_MAX)
		return -1;
	if (!newline && !ended)
		return 0;
	while (text < end && is_blank(*text))
		text++;
	*start = text;
	*n = (size_t)(end - text);
	while (*n > 0 && is_blank(text[*n - 1]))
		(*n)--;
	return used;
}

int lines_parse_connect(const char *text, size_t len, bool ended, uint64_t *cid, uint32_t *port)
{
	enum { LINE = 17 };
	const char *line;
	uint32_t number;
	size_t n;
	int r = line_find(text, len, ended, &line, &n);

	if (r <= 0)
		return r;
	if (n != LINE || line[8] != '.' || !parse_hex(line, &number) || !parse_hex(line + 9, port))
		return -1;
	*cid = number;
	return r;
}

int lines_parse_hybrid(const char *text, size_t len, bool ended, uint32_t *port)
{
	static const char word[] = "CONNECT";
	const size_t skip = sizeof(word) - 1;
	char number[12];
	const char *line;
	uint64_t value;
	size_t n, digits;
	int r = line_find(text, len, ended, &line, &n);

	if (r <= 0)
		return r;
	if (n <= skip || strncasecmp(line, word, skip) != 0 || !is_blank(line[skip]))
		return -1;
	for (line += skip, digits = n - skip; is_blank(*line); line++) /* ends: what is last is no blank */
		digits--;
	if (digits >= sizeof(number))
		return -1;
	memcpy(number, line, digits);
	number[digits] = '\0';
	if (str_to_u64(number, UINT32_MAX - 1, &value) < 0)
		return -1;
	*port = (uint32_t)value;
	return r;
}
