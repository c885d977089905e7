/* Patience with a machine that boots: the supervisor comes after the onboot containers. */
#pragma once

#include <stdbool.h>

/* Calls `there` until it says yes, each time when something happens in /run/pith, for $PITH_WAIT seconds at most: not
 * at all where that is not set. Gives up when the boot is over without a supervisor and, unless `whole`, when one of
 * its steps takes long: whoever asks is then better told which. */
bool boot_wait(bool (*there)(void *data), void *data, bool whole);
/* Whether whoever asks has said how long: the machine is young. */
bool boot_patient(void);
