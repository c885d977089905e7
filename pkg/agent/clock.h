/* The machine's clock, which the host moves: it knows when it has slept, and the guest does not. */
#pragma once

#include <stdint.h>

#include "error.h"

/* Nanoseconds since 1970. */
uint64_t clock_read(void);

/* Moves the clock by so many nanoseconds. A second and more is stepped. Less is slewed, at 0.5 ms a second, so that
 * time never runs backwards, and left to a time daemon where one keeps the clock. */
int clock_move(int64_t ns, struct error *err);
