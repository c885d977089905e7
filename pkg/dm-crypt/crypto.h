/* An encrypted device under /dev/mapper. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "crypt_mark.h"
#include "drive.h"
#include "error.h"

enum { PLAIN_KEY = 32 }; /* bytes */

struct crypto {
	const char *name, *key_file;
	char device[DRIVE_PATH], mapped[DRIVE_PATH];
	uint8_t key[PLAIN_KEY]; /* of plain mode */
	uint64_t bytes;         /* of the device */
	struct crypt_mark mark; /* that it has, or shall have */
	bool luks;
};

/* --- the two modes: mode.c --- */

/* Makes /dev/mapper/NAME. EBUSY: it is there already. */
int plain_open(struct crypto *c, struct error *err);
int luks_open(struct crypto *c, struct error *err);
/* LUKS2 over what is on the device. */
int luks_format(const struct crypto *c, struct error *err);

/* --- contents.c --- */

/* What is on the device in clear. 1: nothing that anybody misses (zeros at both ends, or an ext4 that was never
 * mounted and has no files: `format` may just have made it), and `label` is the label of that; 0: `what` says what is
 * there, the caller frees it. */
int contents_blank(const char *device, char label[CRYPT_LABEL], char **what, struct error *err);

/* An ext4 on the mapping, which leaves room for the mark (crypt_mark.h). */
int contents_make(const struct crypto *c, struct error *err);
