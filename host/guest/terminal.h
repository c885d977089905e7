/* The user's terminal while a command's is shown on it: every key goes to the command. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <termios.h>

#include "error.h"

struct terminal {
	/* private */
	bool raw;
	struct termios saved;
};

/* Whether descriptor 0 is a terminal whose turn is ours: in the background, reading would stop us. */
bool terminal_ours(void);
/* Again and again is fine. */
int terminal_raw(struct terminal *t, struct error *err);
/* Puts it back as it was; does nothing where nothing was changed. Also done at exit(3). */
void terminal_restore(struct terminal *t);
/* False: descriptors 0 and 1 are no terminals, or have no size. */
bool terminal_size(uint16_t *rows, uint16_t *columns);
