/* Whether a device was ever written: its first and last mebibyte. What blkid knows has its signature there, and what is
 * encrypted, or of a kind that nobody knows, has noise there. */
#pragma once

#include "error.h"

/* 1: zeros only; 0: something; -1: it cannot be read, which is no sign of an empty one. The device is open. */
int edges_blank(int fd, struct error *err);
