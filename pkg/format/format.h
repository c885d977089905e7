/* What `format` knows of a disk, and what it makes of one. */
#pragma once

#include <stdbool.h>

#include "crypt_mark.h"
#include "drive.h"
#include "error.h"
#include "probe.h"
#include "table.h"

struct wanted {
	const char *type, *label; /* label: empty is none */
	enum table_kind table;
	bool table_given; /* on the command line */
};

enum disk_state {
	DISK_EMPTY,
	DISK_UNFINISHED, /* a format that was begun and not finished: it has our mark, and no data */
	DISK_FINISHED,   /* a Linux partition with a file system */
	DISK_ENCRYPTED,  /* a Linux partition that is encrypted: `dm-crypt` took what an earlier boot had made */
	DISK_OTHER,
};

struct disk {
	char path[DRIVE_PATH];
	enum disk_state state;
	struct table_mark mark;  /* of an unfinished one */
	struct probe system;     /* the file system of a finished one */
	struct crypt_mark crypt; /* of an encrypted one */
	bool in_use;             /* an encrypted one: somebody has it open as a mapping */
	char *why;               /* what is there, for messages */
};

void disk_free(struct disk *d);

/* Looks at the disk of d->path. One that cannot be looked at is DISK_OTHER, and why says the reason. */
void disk_judge(struct disk *d);

/* Table, mark, file system, and the mark goes. Whatever was there is lost. */
int disk_make(const char *path, const struct wanted *w, bool verbose, struct error *err);

/* The path of the first partition of the disk. */
int disk_partition(const char *path, char out[DRIVE_PATH], struct error *err);
