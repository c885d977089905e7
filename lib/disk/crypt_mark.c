#include "crypt_mark.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "io.h"

static const char begin[CRYPT_WORD + 1] = "PITH-ENCRYPTED 1";

enum crypt_state crypt_mark_parse(const uint8_t mark[CRYPT_MARK], char mode[CRYPT_WORD])
{
	static const uint8_t making[CRYPT_WORD] = "making", ready[CRYPT_WORD] = "ready";

	if (memcmp(mark, begin, CRYPT_WORD) != 0)
		return CRYPT_NONE;
	memcpy(mode, mark + 2 * CRYPT_WORD, CRYPT_WORD);
	mode[CRYPT_WORD - 1] = '\0';
	if (memcmp(mark + CRYPT_WORD, making, CRYPT_WORD) == 0)
		return CRYPT_MAKING;
	return memcmp(mark + CRYPT_WORD, ready, CRYPT_WORD) == 0 ? CRYPT_READY : CRYPT_NONE;
}

static off_t mark_place(int fd)
{
	off_t end = lseek(fd, 0, SEEK_END);

	return end < 4 * CRYPT_MARK ? -1 : end / CRYPT_MARK * CRYPT_MARK - CRYPT_MARK;
}

int crypt_mark_read(int fd, enum crypt_state *state, char mode[CRYPT_WORD], struct error *err)
{
	uint8_t mark[CRYPT_MARK];
	off_t at = mark_place(fd);

	if (at < 0)
		return error_set(err, ENOSPC, "a device of a few bytes");
	errno = 0;
	if (io_pread(fd, mark, sizeof(mark), at) != (ssize_t)sizeof(mark))
		return error_set(err, errno ? errno : EIO, "read its end");
	*state = crypt_mark_parse(mark, mode);
	return 0;
}

int crypt_mark_write(int fd, enum crypt_state state, const char *mode, struct error *err)
{
	uint8_t mark[CRYPT_MARK] = { 0 };
	off_t at = mark_place(fd);

	memcpy(mark, begin, CRYPT_WORD);
	strncpy((char *)mark + CRYPT_WORD, state == CRYPT_READY ? "ready" : "making", CRYPT_WORD - 1);
	strncpy((char *)mark + 2 * CRYPT_WORD, mode, CRYPT_WORD - 1);
	if (at < 0 || pwrite(fd, mark, sizeof(mark), at) != (ssize_t)sizeof(mark) || fsync(fd) < 0)
		return error_set(err, errno ? errno : EIO, "write its end");
	return 0;
}
