/* What a tool says on standard error goes into a file without a name; of a tool that fails the last line is told. */
#include "toollog.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "io.h"
#include "str.h"

enum { TAIL_MAX = 8192 };

int toollog_open(struct error *err)
{
	int fd = memfd_create("messages", MFD_CLOEXEC);

	return fd < 0 ? error_set(err, errno, "memfd_create") : fd;
}

/* A message with blanks in it stands in quotes, those in it behind backslashes. */
static char *unquoted(const char *msg)
{
	char *out = strdup(msg), *to = out;

	if (!out || *msg != '"')
		return out;
	for (msg++; *msg && *msg != '"'; msg++) {
		if (*msg == '\\' && (msg[1] == '"' || msg[1] == '\\'))
			msg++;
		*to++ = *msg;
	}
	*to = '\0';
	return out;
}

/* The last lines; NULL where there are none. */
static char **tail_lines(int fd)
{
	_cleanup_buf_ struct buf text = { 0 };
	off_t size = lseek(fd, 0, SEEK_END);
	size_t want = size > TAIL_MAX ? TAIL_MAX : size > 0 ? (size_t)size : 0;
	uint8_t *room = buf_reserve(&text, want);
	ssize_t n = room && want ? io_pread(fd, room, want, size - (off_t)want) : -1;

	if (n <= 0)
		return NULL;
	buf_commit(&text, (size_t)n);
	return strv_split(buf_text(&text), "\r\n");
}

bool toollog_disk_full(int fd)
{
	static const char *const words[] = { "No space left on device",
					     "exceeds free space on media" /* xorriso, before it begins */ };
	_cleanup_strv_ char **lines = tail_lines(fd);

	for (char **line = lines; line && *line; line++)
		for (size_t i = 0; i < array_len(words); i++)
			if (strstr(*line, words[i]))
				return true;
	return false;
}

char *toollog_reason(int fd)
{
	_cleanup_strv_ char **lines = tail_lines(fd);

	if (!lines || !lines[0])
		return NULL;
	for (size_t i = strv_len(lines); i-- > 0;) {
		char *msg = strstr(lines[i], "level=fatal msg=");

		if (msg)
			return unquoted(msg + strlen("level=fatal msg="));
	}
	return strdup(lines[strv_len(lines) - 1]);
}
