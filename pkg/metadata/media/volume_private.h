/* The two file systems behind volume.h. */
#pragma once

#include "volume.h"

static inline uint16_t le16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t le32(const uint8_t *p)
{
	return le16(p) | (uint32_t)le16(p + 2) << 16;
}

/* n bytes of the disk behind what is in the buffer. */
int medium_append(const struct medium *m, uint64_t at, size_t n, struct buf *out, struct error *err);
/* A label of n bytes, without the blanks at its end. */
void label_copy(char out[33], const uint8_t *label, size_t n);

int iso9660_probe(const struct medium *m, struct volume *v, struct error *err);
int iso9660_read(const struct medium *m, const struct volume *v, const char *name, size_t max, struct buf *out,
		 struct error *err);
int fat_probe(const struct medium *m, struct volume *v, struct error *err);
int fat_read(const struct medium *m, const struct volume *v, const char *name, size_t max, struct buf *out,
	     struct error *err);
