/* Disks of the machine: `--disk [file=]PATH[,size=1G][,format=qcow2|raw][,bus=BUS]`. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "error.h"
#include "state.h"

/* What a disk is attached to; "auto" is virtio, and for a CD scsi. */
enum disk_bus { DISK_AUTO, DISK_VIRTIO, DISK_SATA, DISK_SCSI, DISK_NVME, DISK_USB };
/* Their names, NULL-terminated, in that order. */
extern const char *const disk_buses[];

struct disk {
	char *path;    /* NULL: made in the state directory */
	char *format;  /* "qcow2", "raw" or another that QEMU knows; NULL until disk_prepare(): not said */
	char *id;      /* after disk_prepare(): for its note */
	char *note;    /* after disk_prepare(): what the user should know, or NULL */
	uint64_t size; /* bytes; 0: the file must be there */
	enum disk_bus bus;
	bool readonly;
	bool raw;  /* one that is made is raw where no format is said, and "disk.raw" */
	bool made; /* disk_prepare() created the file */
};

/* Parses one option's value; a size without unit is in GiB. disk_clear() frees what it filled, also on failure. */
int disk_parse(const char *text, struct disk *out, struct error *err);
void disk_clear(struct disk *d);

/* Creates the file where it is missing and a size is given, and settles the format. A raw or qcow2 file that is there
 * and smaller grows to the size; none shrinks. `index` numbers the default name
 * "disk.img", "disk1.img", ... (or .raw) in the state directory. */
int disk_prepare(struct disk *d, const struct state *state, unsigned index, const char *notes, struct error *err);

/* What decides on a format: the user's word, then what was noted for the disk, then its name. Its first bytes never do:
 * an image that looks like another format than raw, of which nothing is known, is refused with a message that says
 * `option` and the two formats to choose from. */
struct disk_wish {
	const char *format; /* NULL: the user did not say */
	const char *option; /* how he would: "format=" */
	const char *notes;  /* the text of disk_notes.h */
};
struct disk_format {
	char *name;
	char *id;      /* for its note */
	uint64_t size; /* that the guest sees, of a raw or qcow2 file; else 0 */
};
int disk_format(const char *path, const struct disk_wish *wish, struct disk_format *out, struct error *err);
void disk_format_clear(struct disk_format *f);

/* Removes the file if disk_prepare() created it. */
void disk_undo(const struct disk *d);
