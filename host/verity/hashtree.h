/* The hash tree behind an image, by which the kernel checks every block of it (lib/proto/verity.h has the format). The
 * same image gets the same tree: its salt is made of its content. */
#pragma once

#include "error.h"
#include "verity.h"

/* Appends superblock and tree to the image in fd, a regular file open for reading and writing, which is filled up with
 * zeros to whole blocks before. What the kernel's command line has to say goes to *out. On all processors. */
int hashtree_append(int fd, struct verity *out, struct error *err);
