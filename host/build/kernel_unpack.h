/* Kernels that are compressed with what no other file of a build is: the distribution's programs read them. */
#pragma once

#include "kernel_format.h"
#include "stream.h"

/* Decompresses xz, lzma, bzip2, lz4 or lzo into a file without a name, which is the source. Its reader takes the whole
 * of `in`. NULL with an error that names the program when that fails or is not there. */
struct source *kernel_unpack(enum kernel_zip zip, struct stream *in, struct error *err);
