/* The mark of an encrypted device that `dm-crypt` of this project made: the last 4096 bytes of the device, in clear.
 *
 * What is encrypted in plain mode cannot be told from noise, and what a wrong key makes of it neither. The mark says
 * that something is there, so that a wrong key is an error and never the reason to format. It is at the end, where the
 * file system, which is made a little smaller, does not reach: LinuxKit's dm-crypt maps the device from its first
 * sector to its last, and so does ours.
 *
 *   0   "PITH-ENCRYPTED 1", 16 bytes
 *   16  "making" or "ready", with zeros, 16 bytes
 *   32  "plain" or "luks", with zeros, 16 bytes
 *   48  "label", with zeros, 16 bytes: the next field is known; zeros: it is not
 *   64  the label of the file system that was there before and was empty, with zeros, 256 bytes; it may be none
 *   320 zeros */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "error.h"

enum { CRYPT_MARK = 4096, CRYPT_WORD = 16, CRYPT_LABEL = 256 };

enum crypt_state {
	CRYPT_NONE,
	CRYPT_MAKING, /* nobody has stored anything yet */
	CRYPT_READY,
};

struct crypt_mark {
	enum crypt_state state;
	char mode[CRYPT_WORD];
	bool label_known; /* marks of before do not say it */
	char label[CRYPT_LABEL];
};

/* The bytes of the mark; CRYPT_NONE where there is none. */
struct crypt_mark crypt_mark_parse(const uint8_t mark[CRYPT_MARK]);

/* The device is open. */
int crypt_mark_read(int fd, struct crypt_mark *mark, struct error *err);
/* On the disk when it returns. */
int crypt_mark_write(int fd, const struct crypt_mark *mark, struct error *err);
