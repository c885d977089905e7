/* What the kernel says about devices as they come and go: NETLINK_KOBJECT_UEVENT. */
#pragma once

#include <stddef.h>

#include "error.h"

enum { UEVENT_MAX = 8192 }; /* bytes of a message: the kernel's own are at most 2048 and some */

/* All point into the message; "" for what it does not have. */
struct uevent {
	const char *action;  /* "add", "remove", "change", "bind" ... */
	const char *devpath; /* below /sys */
	const char *subsystem;
	const char *modalias;
	const char *devname; /* below /dev */
};

/* A message of the kernel: "add@/devices/...\0ACTION=add\0DEVPATH=...\0...". -1 (EBADMSG) for anything else, such as
 * what udev sends to its listeners. The last byte has to be NUL. */
int uevent_parse(const char *message, size_t size, struct uevent *out);

/* A non-blocking socket that gets the kernel's messages; -1 on failure. Caller closes. */
int uevent_open(struct error *err);

/* The next message. 1: there is one; 0: none is waiting; -1: err->code is ENOBUFS when messages were lost, and others
 * follow. Messages of other senders than the kernel are dropped. The message is kept in `buffer`. */
int uevent_read(int fd, char buffer[UEVENT_MAX], struct uevent *out, struct error *err);
