/* Output files that appear whole or not at all: written without a name (O_TMPFILE) or under a temporary one, synced,
 * then renamed. When the process fails, is killed or the disk is full, what was there before is still there and
 * nothing else is: temporary names are removed by a guard process that outlives this one.
 *
 * Only a regular file is replaced. A link is followed, also one that leads to nothing yet; a device or fifo is written
 * into once all is there to be written. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "error.h"

struct outfile {
	int fd;     /* open for reading and writing; -1 after commit or discard */
	char *name; /* as it was asked for */
	char *path; /* where that leads */
	char *temp; /* NULL: no name yet */
	bool kept;  /* a device, fifo or open file: written into at the commit */
	bool brief; /* may be set: of use to nobody after this process, so that nobody waits until it is on the disk */
	int guard;  /* private */
};

#define _cleanup_outfile_ _cleanup_(outfile_discard)
#define OUTFILE_INIT                  \
	{                             \
		.fd = -1, .guard = -1 \
	}

/* The directory must exist. */
int outfile_open(struct outfile *out, const char *path, struct error *err);
/* fsync, mode, rename. Afterwards the file is in place and `out` empty. */
int outfile_commit(struct outfile *out, mode_t mode, struct error *err);
/* Drops the output; it may be committed, discarded or untouched (OUTFILE_INIT). */
void outfile_discard(struct outfile *out);

/* The name that a path leads to, all links of its last component followed; it need not be there. A link that a stranger
 * made where everybody can is refused. Caller frees. */
char *outfile_target(const char *path, struct error *err);

/* Several that belong together: all appear, or none, as far as a file system can do that. Zero-initialise. */
struct outfile_set {
	struct outfile *files;
	size_t count;
	char **gone;
};
#define _cleanup_outfile_set_ _cleanup_(outfile_set_discard)

/* Hands a written file to the set, to be committed with it; set NULL: commits it at once. */
int outfile_keep(struct outfile_set *set, struct outfile *out, mode_t mode, struct error *err);
bool outfile_set_has(const struct outfile_set *set, const char *path);
/* A file that the others stand without: it goes when they come, where it is a regular one. A missing one is fine. */
int outfile_set_remove(struct outfile_set *set, const char *path, struct error *err);
int outfile_set_commit(struct outfile_set *set, struct error *err);
void outfile_set_discard(struct outfile_set *set);

/* A file without a name below $TMPDIR, else /var/tmp, to write and read; -1 with an error. The caller closes it. */
int temp_file_open(struct error *err);

/* A private directory (0700) that is removed with its content by temp_dir_remove(), or by the guard when this
 * process goes without. */
struct temp_dir {
	char *path;
	int guard; /* private */
};
#define _cleanup_temp_dir_ _cleanup_(temp_dir_remove)
#define TEMP_DIR_INIT       \
	{                   \
		.guard = -1 \
	}

/* Below `parent` (NULL: $TMPDIR, else /var/tmp). */
int temp_dir_make(struct temp_dir *dir, const char *parent, struct error *err);
void temp_dir_remove(struct temp_dir *dir);
