/* What of an EFI program is signed: all of it but its checksum, the entry that says where its signature is, and the
 * signature (Microsoft's Windows Authenticode Portable Executable Signature Format; UEFI specification, 32.2.3). No
 * input or output. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "error.h"

enum { PE_HEAD_MAX = 64 << 10 };

struct pe_sign {
	uint32_t checksum;     /* where these four bytes are */
	uint32_t certificates; /* where the entry's eight are */
};

/* head: the file's first bytes, PE_HEAD_MAX or all of them; size: of the file. EINVAL: it is no EFI program; it has a
 * signature already; or there are gaps between its sections, over which what is signed would differ from one firmware
 * to another. */
int pe_sign_plan(const uint8_t *head, size_t n, uint64_t size, struct pe_sign *out, struct error *err);
