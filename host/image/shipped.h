/* Images that came with the program: archives in share/pith/images beside the folder of the program (or in
 * $PITH_IMAGES), named after the images that they hold, as pith/init:latest.tar. The Debian package puts them there. */
#pragma once

#include "ref.h"
#include "store.h"

/* Takes an image from there into the store, and replaces an image of that name. 1, 0 where there is none, or -1. */
int shipped_take(struct store *s, const struct ref *ref, struct error *err);
