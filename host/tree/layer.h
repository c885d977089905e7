/* One layer of an image into a tree that holds the layers below it. */
#pragma once

#include <stdint.h>

#include "stream.h"
#include "tree.h"

/* stamp: the layer's number, from 1 upwards: whiteouts hide what has a lower one. 0: an archive that is no layer, in
 * which whiteouts are plain files. `what` names it in errors. The source is read to its end. On failure the tree holds
 * a part of the layer. */
int tree_add_layer(struct tree *t, struct source *source, const char *what, uint16_t stamp, struct error *err);

enum { LAYER_STAMP_MAX = UINT16_MAX };

/* To be called once all layers are in. A directory that no layer describes exists for its children; when whiteouts have
 * left it empty it goes, as in LinuxKit's trees. */
void tree_drop_hollow(struct tree *t);
