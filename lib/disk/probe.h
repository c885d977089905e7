/* What is on a device: blkid's low-level probing. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "error.h"

struct probe {
	char *device;                 /* as it was named */
	char *type, *usage;           /* "ext4", "filesystem"; "linux_raid_member", "raid"; NULL: nothing was found */
	char *label, *uuid;           /* NULL: none */
	char *table;                  /* "dos", "gpt"; NULL: none */
	char *part_uuid, *part_label; /* of a partition; NULL: none */
	bool ambivalent;              /* signatures of more than one kind; blkid names none then */
};

#define _cleanup_probe_ _cleanup_(probe_free)
void probe_free(struct probe *p);

/* 1: something was found; 0: nothing is there; -1: it cannot be read. */
int probe_device(const char *device, struct probe *out, struct error *err);

/* Those of the devices on which something was found, or of which a partition table says something (an encrypted
 * partition has a UUID there), in their order; the rest is left out. *out is the caller's. */
int probe_devices(char *const *devices, struct probe **out, size_t *count, struct error *err);
void probes_free(struct probe *p, size_t count);

/* What is there, for a message: "an ext4 file system with the label x". Caller frees. */
char *probe_text(const struct probe *p);

/* What blkid -o export prints: blocks of KEY=VALUE, each after DEVNAME, with backslashes in front of special
 * characters. Keys that nobody asks for are passed over. */
int probe_parse(const char *text, struct probe **out, size_t *count, struct error *err);
