/* Values that a VMware host has for its guest ("guestinfo.userdata"), through the backdoor: an instruction that reads
 * an I/O port, which that hypervisor takes for a call. Bytes go through registers, four at a time.
 *
 * The protocol is that of open-vm-tools (lib/message, lib/rpcOut): a channel is opened for each question, which is a
 * text
 * ("info-get KEY"); the answer begins with "1 " for a value, with "0 " for none. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "error.h"

enum { GUESTINFO_MAX = 4 * 1024 * 1024 }; /* bytes of a value */

struct backdoor_registers {
	uint32_t ax, bx, cx, dx, si, di;
};
typedef void backdoor_fn(struct backdoor_registers *r, void *data);

/* Whether VMware is behind the door. */
bool guestinfo_there(backdoor_fn *door, void *data);
/* Appends the value as it is. 1; 0: there is none; -1. */
int guestinfo_get(backdoor_fn *door, void *data, const char *key, struct buf *out, struct error *err);
/* The same, decoded as KEY.encoding says: "", "base64" or "gzip+base64". */
int guestinfo_get_decoded(backdoor_fn *door, void *data, const char *key, struct buf *out, struct error *err);

/* The real door. False where the processor does not say that VMware made it: elsewhere the instruction would be a
 * fault, or something else's port. Only then backdoor_call() may be called; it catches the fault where VMware was told
 * to refuse programs without privileges, and returns registers of zeros. */
bool backdoor_probe(void);
backdoor_fn backdoor_call;
