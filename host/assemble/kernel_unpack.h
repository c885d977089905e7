/* Kernels that are compressed with what no other file of a build is: the distribution's programs read them. */
#pragma once

#include "kernel_format.h"
#include "stream.h"

/* A kernel may unpack to so much: a small file could ask for any. */
#define KERNEL_MAX (UINT64_C(512) << 20)

/* Decompresses xz, lzma, bzip2, lz4 or lzo into a file without a name, which is the source. Its reader takes the whole
 * of `in`. NULL with an error that names the program when that fails or is not there, and with E2BIG when it is
 * more than KERNEL_MAX. */
struct source *kernel_unpack(enum kernel_zip zip, struct stream *in, struct error *err);
