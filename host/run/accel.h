/* Which accelerator QEMU gets. */
#pragma once

#include <stdbool.h>

#include "error.h"

struct accel {
	bool kvm;        /* otherwise TCG, QEMU's own translator */
	const char *why; /* why not KVM, for the user; NULL where nothing is to be said. Static. */
};

/* `asked`: "kvm" and "tcg" are taken at their word. NULL, "auto" and "kvm:tcg" take KVM where it runs a guest: /dev/kvm
 * may be there and still start guests that never get anywhere, so a guest of a few instructions is tried first, with
 * a deadline. The verdict is kept for this boot of the host and this QEMU. `arch` is the guest's, as QEMU names it. */
int accel_choose(const char *asked, const char *arch, const char *qemu, struct accel *out, struct error *err);

/* Boots the tiny guest with `accelerator` and says whether it came to its end in time. For accel_choose(), and tests.
 */
bool accel_probe(const char *qemu, const char *accelerator);
