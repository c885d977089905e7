/* The user's side of the guest's console: the terminal in raw mode, and the keys that mean something to us. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "terminal.h"

enum console_key {
	CONSOLE_NONE,
	CONSOLE_POWER_DOWN, /* Ctrl-C */
	CONSOLE_STOP,       /* Ctrl-A X */
};

struct console {
	int in;  /* -1: nothing is read: no terminal of ours, or in the background */
	int out; /* nonblocking where the kernel can open it again */
	bool terminal;
	bool raw_keys; /* Ctrl-C is the guest's */
	/* private */
	bool prefix;
	struct terminal keys;
};

/* Looks at descriptors 0 and 1; nothing is changed yet. input false: descriptor 0 is left alone. */
void console_open(struct console *c, bool input, bool raw_keys);
/* The terminal gives every key to us, unless it is another process group's turn. Can be called again after the
 * process was stopped and continued. */
int console_raw(struct console *c, struct error *err);
/* Puts the terminal back as it was. Also done at exit(3). */
void console_restore(struct console *c);
void console_close(struct console *c);

/* Takes our keys out of n bytes typed: returns the bytes left for the guest, and the last of our keys in *key. */
size_t console_keys(struct console *c, uint8_t *bytes, size_t n, enum console_key *key);
