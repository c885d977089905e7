/* The user's terminal, while a program takes its keys one by one. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <termios.h>

#include "error.h"

enum terminal_mode {
	TERMINAL_RAW,         /* every key is a byte for us; what is written goes out as it is */
	TERMINAL_RAW_KEYS,    /* the same, but a plain newline still ends a line: for programs that write lines, too */
	TERMINAL_SINGLE_KEYS, /* keys come one by one and unseen; Ctrl-C and its like are signals */
};

struct terminal {
	/* private */
	bool changed;
	struct termios saved;
};

/* Whether descriptor 0 is a terminal whose turn is ours: in the background, reading would stop us. */
bool terminal_ours(void);
/* Again and again is fine, also after the process was stopped and continued. */
int terminal_change(struct terminal *t, enum terminal_mode mode, struct error *err);
/* Puts it back as it was; does nothing where nothing was changed. Also done at exit(3). */
void terminal_restore(struct terminal *t);
/* False: descriptors 0 and 1 are no terminals, or have no size. */
bool terminal_size(uint16_t *rows, uint16_t *columns);
