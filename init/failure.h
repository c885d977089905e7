/* A machine that cannot be set up has a defined end: one line on the console, then it powers off, or does
 * what pith.failure= on the kernel's command line says: poweroff, halt, reboot. With pith.debug=1 there, and a shell in
 * the image, there is a shell on the console instead, and the machine stays.
 *
 * The line says FAILURE_WORDS and the reason. `pith run` looks for it on the console (host/run/ending.h), and fails
 * with that reason when the machine has powered off.
 *
 * A machine whose disk has two systems starts again instead: the boot loader has counted the try, and starts the other
 * system when this one has none left. */
#pragma once

#include <stdbool.h>

#define FAILURE_WORDS "this machine is not set up: "

/* Strings, NULL-terminated, that make up the reason. again: the machine starts again. */
void failure_end(const char *const reason[], bool again);
/* The same where nothing of the root that is there may run, since it had to be checked: no shell, no rc.shutdown. */
void failure_refuse(const char *const reason[], bool again);
