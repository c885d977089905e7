/* File systems that are mounted without a place yet, and what they lie on. */
#pragma once

#include <stdbool.h>

#include "say.h"

enum { DEVICE_PATH = 64 };

/* A detached mount of `source`, as a descriptor; -1 with errno. It is read-only; `flag` "ro" says that of the file
 * system itself too, NULL leaves that as it is. */
int detached_mount(const char *type, const char *source, const char *flag);

/* The nodes of devices, on /dev of the initramfs for as long as something is looked for there. */
bool devices_enter(void);
/* errno stays. */
void devices_leave(void);

/* Puts a file behind a loop device that goes away with what lies on it. The descriptor that is returned keeps it until
 * then; -1 with errno. */
int loop_attach(const char *image, char device[static DEVICE_PATH]);
