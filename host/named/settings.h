/* What a named machine starts with: the file settings.json of its folder. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "error.h"

struct settings {
	uint64_t cpus;
	uint64_t memory;  /* bytes, whole MiB */
	uint64_t disk;    /* bytes, whole MiB; 0: no disk */
	char *networking; /* as --networking of `pith run`; NULL: its default */
	char **publish;   /* as --publish */
	char **options;   /* further words for `pith run` */
	char *template;   /* the YAML that it was made of, as the user called it */
	bool context;     /* a docker context was made for it */
};
#define _cleanup_settings_ _cleanup_(settings_clear)

#define SETTINGS_MIB (UINT64_C(1) << 20)

/* Reads JSON text. What is not there keeps the value that it has; names that are not known are passed over, so that an
 * older pith takes what a newer one wrote. -1: the error names the field. */
int settings_parse(const char *text, size_t n, struct settings *s, struct error *err);
int settings_write(const struct settings *s, struct buf *out, struct error *err);
void settings_clear(struct settings *s);

/* "512M", "20G": the largest unit that keeps it whole. */
void settings_size_text(uint64_t bytes, char *out, size_t size);
