/* What an ELF file needs to run: its interpreter and the shared libraries it names (System V ABI, gabi chapter 5).
 * For little-endian 64-bit files: amd64 and arm64 have these. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "error.h"

struct elf {
	char *interpreter; /* PT_INTERP; NULL: none (a library, or statically linked) */
	char *soname;      /* DT_SONAME */
	char **needed;     /* DT_NEEDED, in order */
	char **runpath; /* directories of DT_RUNPATH, or of DT_RPATH where that is all there is; with $ORIGIN in them */
	uint16_t machine; /* EM_X86_64, ... */
};

/* 1: parsed, 0: no ELF file at all, -1: an ELF file that is broken or of another kind. elf_clear() frees. */
int elf_parse(const void *data, size_t n, struct elf *out, struct error *err);
void elf_clear(struct elf *e);
#define _cleanup_elf_ _cleanup_(elf_clear)
