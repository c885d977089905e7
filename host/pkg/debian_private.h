/* The parts of debian.h: debian.c (which packages, remembered) calls debian_ask.c, and debian_fetch.c stands beside it;
 * both call debian_lists.c (apt's lists, for each architecture) and debian_list.c. */
#pragma once

#include "buf.h"
#include "debian.h"

/* `apt-cache show` of a few hundred packages. */
#define APT_OUTPUT_MAX (32u << 20)

struct deb *debian_find(struct debian *d, const char *name);
/* Takes what *c holds. */
int debian_append(struct debian *d, struct control *c, unsigned level, struct error *err);
/* Without a directory the output is an answer to be parsed, with one it is messages. */
int apt_run(char *const *argv, const char *cwd, struct buf *output, struct error *err);

/* Times of change of apt's lists and configuration, as text: what was read of them holds as long as it is the same. */
int apt_state(struct buf *text);
/* Has d->apt filled: with apt's lists for the architecture, which are fetched where the machine has none. */
int debian_lists(struct debian *d, struct error *err);

/* Fills the list. */
int debian_ask(struct debian *d, char *const *names, bool libraries, struct error *err);
