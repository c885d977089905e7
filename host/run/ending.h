/* What a guest's console says of the machine's end, since there is no other way that works with every hypervisor and
 * kernel: the line of a PID 1 that powers a machine off which cannot be set up (init/failure.h), and the first line of
 * a kernel's panic.
 *
 * Whoever can write to the console can write such a line. It counts only once the machine has ended (or starts anew):
 * it changes what `pith run` says of that end, nothing more. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ENDING_LINE = 256 }; /* what is looked at of a line */

struct ending {
	char failure[ENDING_LINE]; /* why the machine is not set up; empty: nobody said so */
	char panic[ENDING_LINE];   /* why the kernel panicked */
	bool said;                 /* anything at all, since the machine started */
	/* private: the line that comes */
	char line[ENDING_LINE];
	size_t len;
	unsigned resets, mute; /* without a word: all, and those that the guest had time to come to */
	uint64_t last;
};

/* Takes the console's bytes as they come. Of several such lines the first counts. Bytes of the reasons that are no
 * printable ASCII become '?'. */
void ending_feed(struct ending *e, const uint8_t *bytes, size_t n);

/* The machine resets, at a time in microseconds: what is known of it is forgotten. false, and nothing is forgotten: it
 * would do so for ever, as its kernel panicked or it never comes as far as to say something. */
bool ending_reset(struct ending *e, uint64_t now);
