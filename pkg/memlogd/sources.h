/* What memlogd reads: descriptors that came with datagrams, each a source of lines.
 *
 *   datagram looked at --slot taken, on the shelf--> datagram taken --bytes, lines--> ... --end of file--> slot free
 *
 * Killed in between, the next memlogd finds the datagram still in its socket, or the source on the shelf, or both: a
 * descriptor that is read already (the same file, by fstat(2)) is not read twice.
 *
 * Whoever sends may keep copies of what it sent, and do to them what it likes at any moment. Only pipes, fifos and
 * stream sockets of the Unix family are read: with the others (directories, devices, files of a network, epoll) a read
 * or a close might wait. A socket is read with MSG_DONTWAIT. A pipe is opened anew through /proc/self/fd, so that
 * O_NONBLOCK is ours alone; where that is refused it is read with RWF_NOWAIT. */
#pragma once

#include "loop.h"
#include "shelf.h"
#include "store.h"

struct source;

struct sources {
	struct loop *loop;
	struct store *store;
	struct shelf shelf;
	struct source **list;      /* one for each slot that is read */
	struct loop_io log;        /* the socket that datagrams come to */
	void (*grown)(void *data); /* entries were added */
	void *data;
};

/* Goes on with what is on the shelf, then listens. log_fd, shelf_in, shelf_out stay the caller's. */
int sources_start(struct sources *s, int log_fd, struct error *err);
/* An entry of memlogd itself. */
void sources_say(struct sources *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
