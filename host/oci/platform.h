/* What an image is made for: operating system, architecture and its variant, in Go's words as the OCI image
 * specification has them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

/* "linux", "amd64", "" or "v8" in GOARCH's words; empty os: none given. */
struct platform {
	char os[24], arch[24], variant[16];
};
/* "linux/arm64", "linux/arm64/v8", or "arm64" alone (linux). */
int platform_parse(const char *text, struct platform *out, struct error *err);
/* linux and this machine's architecture. */
struct platform platform_host(void);
/* "amd64" for "x86_64", "arm64" for "aarch64"; others and GOARCH's own names stay. */
const char *platform_goarch(const char *machine);
/* "amd64" for EM_X86_64 and so on, of ELF files that are little-endian; "" for others. */
const char *platform_elf(uint16_t machine);
/* Operating system and architecture equal; the variant only where `wanted` names one. */
bool platform_match(const struct platform *wanted, const struct platform *have);
/* "linux/arm64/v8"; static storage, one at a time. */
const char *platform_text(const struct platform *p);
/* Copies a word of a platform; -1 when it is empty, too long, or has characters that no such word has. */
int platform_word(char *out, size_t size, const char *text);
