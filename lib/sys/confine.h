/* What a program gives up once everything is open: system calls that it does not make any more, and files that it does
 * not need, its capabilities. For programs that read what others wrote. All of it is for this process and its children,
 * for ever. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "error.h"

/* A call that stays; with `arg` (from 1) only where that argument, as an int, is `value`. A call may have several rows.
 */
struct confine_call {
	unsigned short number;
	unsigned char arg;
	uint32_t value;
};

/* Every capability: a program that runs as root is then held to the permissions of files as every other user is. In
 * capability.c, since it needs libcap. */
int confine_capabilities(struct error *err);

enum { CONFINE_CALLS = 128 };

/* No new privileges, and of all system calls only those of an event loop (loop.h) on descriptors that it has already,
 * of memory and of the end, and these, at most CONFINE_CALLS: another one fails with EPERM. 1 where the kernel has no
 * filters, which is no error. */
int confine_calls(const struct confine_call *calls, size_t count, struct error *err);

/* Both, for a program that joins sockets (relay.h, listener.h, loop.h), once it listens: it connects and accepts, and
 * opens, binds and starts nothing any more. In confine_relay.c, since it needs libcap. */
int confine_relay(struct error *err);
/* The same for one that opens ports and sockets all the time. */
int confine_ports(struct error *err);

enum {
	CONFINE_READ = 1, /* files below the directory */
	CONFINE_WRITE = 2,
	CONFINE_REMOVE = 4, /* what is no directory */
	CONFINE_SOCKET = 8, /* Unix sockets are made there */
	CONFINE_IOCTL = 32, /* of devices */
	CONFINE_MAKE = 16,  /* new files, and other names for files (with CONFINE_REMOVE) and directories */
};

enum confine_tcp {
	CONFINE_TCP_NONE,
	CONFINE_TCP_LISTEN, /* ports are bound, no connection is made */
};

struct confine_dir {
	int fd; /* of the directory; O_PATH is enough */
	unsigned access;
};

/* Of the file system only what is below these; of TCP what `tcp` says, no abstract sockets and no signals to others
 * where the kernel can refuse them (Landlock: Linux 5.13, 6.7, 6.12). What is open already stays; connecting to a Unix
 * socket by its path, and opening without reading or writing (O_PATH), is not held back. 1 where the kernel has none of
 * it, which is no error. No new privileges. */
int confine_files(const struct confine_dir *dirs, size_t count, enum confine_tcp tcp, struct error *err);
