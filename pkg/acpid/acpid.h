/* The parts of acpid: devices bring events, the table says what they mean, hooks are run (main.c says by whom). */
#pragma once

#include <stdbool.h>

#include "error.h"
#include "loop.h"
#include "table.h"

struct devices;
struct hooks;

/* Something happened that the table knows: which of its events. */
typedef void event_fn(void *data, size_t row);

/* --- devices.c: input devices ----------------------------------------------------------------------- */

/* All input devices of the folder (absolute, kept, not copied) that can send an event of the table, also those that
 * come later. */
struct devices *devices_watch(struct loop *loop, const char *folder, const struct table *table, event_fn *fn,
			      void *data, struct error *err);

/* Instead of devices: lines in the form of /proc/acpi/event. It ends the loop when the file ends; a fifo never does. */
int lines_watch(struct loop *loop, const char *file, const struct table *table, event_fn *fn, void *data,
		struct error *err);

/* --- confine.c: what the reader gives up ------------------------------------------------------------- */

/* Capabilities, and all system calls but those of devices.c and lines.c. Where the kernel has no filters they stay. */
int reader_confine(struct error *err);

/* --- hooks.c: programs ------------------------------------------------------------------------------- */

/* folder: kept, not copied. */
struct hooks *hooks_new(struct loop *loop, const char *folder, struct error *err);

/* Starts the hook at this path below the folder: a program, or every program of a directory in the order of their
 * names, one after another. 0; 1 where there is none; -1 where it could not be started. err says what, and is not
 * NULL. */
int hooks_run(struct hooks *h, const char *path, struct error *err);
