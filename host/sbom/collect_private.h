/* What goes by is kept where it is a database, and parsed when it is whole: databases.c. */
#pragma once

#include "model_private.h"

enum database {
	DATABASE_NONE,
	DATABASE_DPKG,
	DATABASE_APK,
	DATABASE_RPM_SQLITE,
	DATABASE_RPM_NDB,
	DATABASE_RPM_BDB, /* not read */
	DATABASE_KERNEL,  /* the machine's own, whose header has its version */
	DATABASE_OS_RELEASE,
	DATABASE_COPYRIGHT,
};

struct database_file {
	enum database kind;
	const char *path;     /* borrowed: longer-lived than this */
	size_t root_len;      /* of the path: the root whose database it is */
	struct slice package; /* of a copyright file */
	uint32_t image;
};

/* What a file of that path is. */
void database_match(const char *path, struct database_file *out);
/* Into the model. A sentence goes into *doubts for one that cannot be read; -1 without memory only. */
int database_read(struct model *m, const struct database_file *f, const struct buf *content, char ***doubts,
		  struct error *err);

enum { DATABASE_MAX = 128 << 20, KERNEL_HEAD = 64 << 10 };
