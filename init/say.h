/* What PID 1 says: whole lines on the console, with the time since boot in front as the kernel prints it.
 *
 * PID 1 must not wait for a terminal that nobody reads, nor fail without one: the console is opened for itself,
 * non-blocking; it is opened again when it was hung up; a message that finds no room in 200 ms is dropped.
 * Nothing here allocates. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Microseconds since boot (CLOCK_BOOTTIME). */
uint64_t boot_us(void);

/* Opens the console of a machine; in a container the streams that it was given are what there is. Standard descriptors
 * that are closed are filled, so that no later descriptor takes their numbers. Once, before anything else is opened. */
void say_setup(bool machine);

/* Decimal text of n in buf, which has NUMBER_SIZE bytes; returns where it starts. */
enum { NUMBER_SIZE = 24 };
const char *number(char *buf, uint64_t n);

/* One line of the given strings. errno stays. */
void say_parts(const char *const parts[]);
#define say(...) say_parts((const char *const[]){ __VA_ARGS__, NULL })

/* Waits, half a second at most, until the console has sent what it was given: the machine is about to go. */
void say_drain(void);

/* Gives a child the console as its streams; in a container, or when that cannot be opened, they stay PID 1's. */
void console_take(void);
