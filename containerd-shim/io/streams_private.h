/* Inside of streams.h: streams_open.c opens both sides of the streams, streams.c copies between them. */
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include "beneath.h"
#include "logger.h"
#include "streams.h"

enum { STREAM_IN, STREAM_OUT, STREAM_ERR };

static inline void fd_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* The same file, opened once more. */
static inline int fd_reopen(int fd, int flags)
{
	char path[BENEATH_FD_PATH_MAX];

	return open(beneath_fd_path(path, fd), flags | O_CLOEXEC);
}

/* Calls back if all output has been passed on and somebody waits for that. */
void streams_drained_check(struct streams *s);
