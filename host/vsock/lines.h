/* What comes as text: the first line that a client of a socket writes, and the list of ports of the command line.
 * Functions from bytes to numbers, without any input or output. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "virtio_vsock.h" /* enum vsock_type */

/* One port of the list at *text, which moves on behind its comma; type: VSOCK_STREAM or VSOCK_SEQPACKET.
 * 1: one, 0: the end, -1: what stands there is no port. */
int lines_parse_port(const char **text, uint32_t *port, uint16_t *type);

enum { LINES_BYTES_MAX = 32 };
/* First line of a client, newline included. len: bytes at hand, at most LINES_BYTES_MAX; ended: no more will come, so
 * that they are a line without a newline, too. Blanks around the words, and a carriage return, are nothing.
 * Bytes of the line, 0: not complete yet, -1: wrong. */
int lines_parse_connect(const char *text, size_t len, bool ended, uint64_t *cid, uint32_t *port);
int lines_parse_hybrid(const char *text, size_t len, bool ended, uint32_t *port);
