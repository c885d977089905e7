#include "crypt_mark.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "io.h"

static const char begin[CRYPT_WORD + 1] = "PITH-ENCRYPTED 1";

static const uint8_t making[CRYPT_WORD] = "making", ready[CRYPT_WORD] = "ready", label[CRYPT_WORD] = "label";

/* The fields that follow the first one. */
enum { STATE_AT = CRYPT_WORD, MODE_AT = 2 * CRYPT_WORD, TAG_AT = 3 * CRYPT_WORD, LABEL_AT = 4 * CRYPT_WORD };

struct crypt_mark crypt_mark_parse(const uint8_t bytes[CRYPT_MARK])
{
	struct crypt_mark mark = { .state = CRYPT_NONE };

	if (memcmp(bytes, begin, CRYPT_WORD) != 0)
		return mark;
	if (memcmp(bytes + STATE_AT, making, CRYPT_WORD) == 0)
		mark.state = CRYPT_MAKING;
	else if (memcmp(bytes + STATE_AT, ready, CRYPT_WORD) == 0)
		mark.state = CRYPT_READY;
	memcpy(mark.mode, bytes + MODE_AT, CRYPT_WORD - 1);
	mark.label_known = memcmp(bytes + TAG_AT, label, CRYPT_WORD) == 0;
	if (mark.label_known)
		memcpy(mark.label, bytes + LABEL_AT, CRYPT_LABEL - 1);
	return mark;
}

static off_t mark_place(int fd)
{
	off_t end = lseek(fd, 0, SEEK_END);

	return end < 4 * CRYPT_MARK ? -1 : end / CRYPT_MARK * CRYPT_MARK - CRYPT_MARK;
}

int crypt_mark_read(int fd, struct crypt_mark *mark, struct error *err)
{
	uint8_t bytes[CRYPT_MARK];
	off_t at = mark_place(fd);

	if (at < 0)
		return error_set(err, ENOSPC, "a device of a few bytes");
	errno = 0;
	if (io_pread(fd, bytes, sizeof(bytes), at) != (ssize_t)sizeof(bytes))
		return error_set(err, errno ? errno : EIO, "read its end");
	*mark = crypt_mark_parse(bytes);
	return 0;
}

int crypt_mark_write(int fd, const struct crypt_mark *mark, struct error *err)
{
	uint8_t bytes[CRYPT_MARK] = { 0 };
	off_t at = mark_place(fd);

	memcpy(bytes, begin, CRYPT_WORD);
	memcpy(bytes + STATE_AT, mark->state == CRYPT_READY ? ready : making, CRYPT_WORD);
	memcpy(bytes + MODE_AT, mark->mode, strnlen(mark->mode, CRYPT_WORD - 1));
	if (mark->label_known) {
		memcpy(bytes + TAG_AT, label, CRYPT_WORD);
		memcpy(bytes + LABEL_AT, mark->label, strnlen(mark->label, CRYPT_LABEL - 1));
	}
	if (at < 0 || pwrite(fd, bytes, sizeof(bytes), at) != (ssize_t)sizeof(bytes) || fsync(fd) < 0)
		return error_set(err, errno ? errno : EIO, "write its end");
	return 0;
}
