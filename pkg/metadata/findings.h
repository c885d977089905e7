/* What a source of metadata said: files of fixed names, and the userdata. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "buf.h"
#include "error.h"

enum {
	FINDING_MAX = 1024 * 1024,       /* bytes of one value, such as a host name or all keys */
	USERDATA_MAX = 64 * 1024 * 1024, /* bytes */
};

#define FINDING_HOSTNAME "hostname"
#define FINDING_KEYS     "ssh/authorized_keys"

struct finding {
	const char *name; /* a constant: below /run/config */
	mode_t mode;
	struct buf text;
};

enum { FINDINGS_MAX = 16 };

struct findings {
	struct finding list[FINDINGS_MAX];
	size_t count;
	bool has_userdata;
	struct buf userdata;
};

#define _cleanup_findings_ _cleanup_(findings_clear)
void findings_clear(struct findings *f);

/* A copy of the value; the same name again replaces it. Keys get mode 0600, everything else 0644. */
int findings_add(struct findings *f, const char *name, const void *text, size_t n, struct error *err);
/* Takes the buffer's bytes over. */
void findings_userdata(struct findings *f, struct buf *text);
