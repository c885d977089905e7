/* The sources on the network, as a table: what each is called, where it is asked, and what becomes which file. The
 * names, places and files are those of LinuxKit's metadata package. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "findings.h"

/* A value of its own URL. */
struct provider_item {
	const char *file;   /* below /run/config; NULL: the userdata */
	const char *target; /* of the URL */
	bool required;      /* without it the source is worth nothing */
	/* What to make of the answer; NULL: it is the value. */
	int (*convert)(const struct buf *answer, struct buf *value, struct error *err);
};

enum { PROVIDER_ITEMS_MAX = 12 };

struct provider {
	const char *name;  /* on the command line */
	const char *title; /* what becomes /run/config/provider */
	const char *host;
	const char *header; /* of each request; NULL: none */
	const char *probe;  /* target that has to answer with status 200 */
	bool token;         /* a session's token is asked for first (IMDSv2) */
	bool low_port;      /* userdata only for a port below 1024 */
	/* More files out of the probe's answer; NULL: none. */
	int (*digest)(const struct buf *answer, struct findings *out, struct error *err);
	const struct provider_item *items; /* until one without a target */
};

/* In the order in which LinuxKit asks them; the last one's name is NULL. */
extern const struct provider providers[];

const struct provider *provider_find(const char *name);

/* The readers of answers, for tests. Each appends to an empty value. */
int keys_from_json(const struct buf *answer, struct buf *value, struct error *err);   /* ["KEY", ...] */
int keys_from_google(const struct buf *answer, struct buf *value, struct error *err); /* USER:KEY lines */
int userdata_not_ipxe(const struct buf *answer, struct buf *value, struct error *err);
int scaleway_digest(const struct buf *answer, struct findings *out, struct error *err); /* NAME=VALUE lines */
int equinix_digest(const struct buf *answer, struct findings *out, struct error *err);  /* JSON */
