/* Registries and the Docker daemon, through skopeo: pith does not speak their protocols itself. skopeo.c runs it,
 * pull.c takes what it has fetched into the store, push.c gives it what the store has. */
#pragma once

#include <stdbool.h>

#include "buf.h"
#include "error.h"

/* Runs skopeo: either to copy into a directory, or for what it prints on standard output, which is appended to *output
 * (both NULL: dropped). Its messages are told when it fails. argv[0] is "skopeo"; plain HTTP is tried at registries of
 * private networks that speak nothing else. */
int skopeo_run(char *const *argv, char *directory, struct buf *output, struct error *err);
/* The manifest or index that a registry has for a reference, as it is. plain: by http. */
int skopeo_fetch_raw(const char *reference, bool plain, struct buf *out, struct error *err);

/* Where a reference's registry is. */
enum registry_place {
	PLACE_ANYWHERE,
	PLACE_PRIVATE, /* an address of RFC 1918: plain HTTP where the registry speaks nothing else, as LinuxKit has it
			*/
	PLACE_HERE,    /* this machine's own: TLS is not asked for, as Docker has it */
};
enum registry_place registry_place(const char *reference);
