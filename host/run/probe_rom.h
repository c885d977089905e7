/* A firmware image that QEMU's x86 machines can start (-bios): it enters 64-bit mode with paging, runs a loop, and
 * writes PROBE_CODE to the debug exit device at port PROBE_PORT. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define PROBE_PORT 0xf4
#define PROBE_CODE 0x10
/* What QEMU exits with then: isa-debug-exit shifts the code and sets the lowest bit. */
#define PROBE_STATUS ((PROBE_CODE << 1) | 1)
#define PROBE_SIZE   65536

/* All of it; NULL where this program was built for a machine that is not x86. */
const uint8_t *probe_rom(void);
