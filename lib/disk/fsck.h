/* e2fsck in preen mode: the journal is played back, and what can be put right without a question is. */
#pragma once

#include "buf.h"
#include "error.h"

/* What it found goes to `said` (a line each); nothing where the file system is clean. -1: it has to be repaired by
 * hand, or is none. */
int fsck_ext(const char *device, struct buf *said, struct error *err);

/* The same where the first superblock is gone, by one of its copies, whose places are tried. */
int fsck_ext_copies(const char *device, struct buf *said, struct error *err);
