#include "edges.h"

#include <errno.h>
#include <stdint.h>
#include <unistd.h>

#include "io.h"

enum { EDGE = 1 << 20 };

static int zeros_only(int fd, uint64_t from, uint64_t to, struct error *err)
{
	static uint8_t piece[65536];

	while (from < to) {
		size_t n = to - from < sizeof(piece) ? (size_t)(to - from) : sizeof(piece);

		errno = 0;
		if (io_pread(fd, piece, n, (off_t)from) != (ssize_t)n)
			return error_set(err, errno ? errno : EIO, "read");
		for (size_t i = 0; i < n; i++)
			if (piece[i])
				return 0;
		from += n;
	}
	return 1;
}

int edges_blank(int fd, struct error *err)
{
	off_t end = lseek(fd, 0, SEEK_END);
	uint64_t bytes = (uint64_t)end;
	int r;

	if (end < 0)
		return error_set(err, errno, "ask for the size");
	r = zeros_only(fd, 0, bytes < EDGE ? bytes : EDGE, err);
	return r > 0 && bytes > EDGE ? zeros_only(fd, bytes - EDGE, bytes, err) : r;
}
