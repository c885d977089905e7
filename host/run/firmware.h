/* UEFI firmware for QEMU, where the distribution's packages put it. */
#pragma once

#include "error.h"

struct firmware {
	char *code; /* read-only image */
	char *vars; /* template of the variables' image beside it; NULL: the code image holds them */
};

/* asked: a file, or NULL to look for one. */
int firmware_find(const char *asked, const char *arch, struct firmware *out, struct error *err);
void firmware_clear(struct firmware *f);
