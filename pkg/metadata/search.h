/* Which sources are asked, and in which order: LinuxKit's. First those on the network, then the machine's own, then
 * files; inside each group as the command line has them. The first that is there wins. */
#pragma once

#include "local.h"

enum { SEARCH_MAX = 32 };

enum source_kind {
	SOURCE_NET,
	SOURCE_VMWARE,
	SOURCE_FW_CFG,
	SOURCE_NOCLOUD,
	SOURCE_DISKS,
	SOURCE_DISK,
	SOURCE_FILE,
};

struct source {
	enum source_kind kind;
	const struct provider *provider; /* on the network */
	const char *path;                /* of a disk or file */
};

struct search {
	struct source list[SEARCH_MAX];
	size_t count;
};

/* Adds the source that a word of the command line names. The word is kept. */
int search_add(struct search *s, const char *word, struct error *err);
/* What is asked where the command line names none. */
int search_add_default(struct search *s, struct error *err);
/* The names, for a message. Static. */
const char *search_names(void);

/* 1: found; *title, on the heap, is what becomes /run/config/provider. 0: nothing there, -1. What is wrong with single
 * sources is said, and no error. */
int search_run(const struct search *s, struct loop *loop, net_say_fn *say, struct findings *out, char **title,
	       struct error *err);
