#pragma once

struct shim;

/* Writes into the log what there is and what is under way. */
void shim_dump(const struct shim *s);
