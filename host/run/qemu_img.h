/* The program qemu-img, which makes and resizes disk images in formats that are not raw. Errors are its own words, or
 * the package that brings it. */
#pragma once

#include <stdint.h>

#include "error.h"

/* The path as QEMU and its tools take it for a path, whatever is in it: "nbd:x" is a protocol to them, "./nbd:x" is
 * not. Caller frees. */
char *qemu_file(const char *path);

/* Makes the image in a file that is there and empty. The caller removes the file after a failure. */
int qemu_img_create(const char *path, const char *format, uint64_t size, struct error *err);
/* Fails, and changes nothing, while another machine has the image. */
int qemu_img_resize(const char *path, const char *format, uint64_t size, struct error *err);
