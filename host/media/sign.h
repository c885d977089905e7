/* Signatures that UEFI's Secure Boot asks for: a key signs the digest of an EFI program, and the signature goes behind
 * the program, with the certificate by which a firmware knows the key (UEFI specification, 32.2; Authenticode,
 * pe_sign.h).
 *
 * The same key (an RSA key) and program give the same bytes: the time of signing is a fixed one, the build time or the
 * beginning of the certificate's validity where that is later. */
#pragma once

#include <stdint.h>

#include "error.h"

struct signer;

/* key: a private key in PEM; OpenSSL asks for the pass phrase on the terminal where it has one. cert: its certificate,
 * and what else a firmware may need, in PEM. time: in seconds since 1970. */
struct signer *signer_open(const char *key, const char *cert, int64_t time, struct error *err);
void signer_free(struct signer *s); /* NULL is fine */

/* Signs a file in place. */
int signer_sign(const struct signer *s, const char *path, struct error *err);
