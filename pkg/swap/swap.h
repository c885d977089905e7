/* Swap on a file. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "error.h"

/* A condition of the command line: part:PATH[:true] or partsize:PATH:SIZE[:true]. */
struct condition {
	char path[4096];
	uint64_t size; /* bytes the file system has at least; 0: it only has to be a mount point */
	bool required; /* not met is an error */
};
int condition_parse(const char *text, struct condition *out, struct error *err);
/* 1: met; 0: not; -1: it cannot be told. */
int condition_met(const struct condition *c, struct error *err);

/* Sizes as LinuxKit writes them: bytes, or with K, M or G behind it. */
int swap_size_parse(const char *text, uint64_t *out);

/* A file of that many bytes at the path below /var, every one of them on the disk; one that is there with another size
 * is made anew. The descriptor, or -1. */
int swap_file(const char *path, uint64_t bytes, struct error *err);

/* What mkswap(8) writes, onto what is open: a device, or a file. */
int swap_header(int fd, uint64_t bytes, struct error *err);
/* Whether it has one, for exactly that size. */
bool swap_header_there(int fd, uint64_t bytes);

/* An encrypted device over the file, with a key that nobody knows and that is gone with the machine. Its path goes to
 * `device`. 1: it was there already. */
int swap_encrypt(int fd, const char *path, char *device, struct error *err);
