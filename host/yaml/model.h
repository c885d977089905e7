/* The configuration of an image: the files of a command line, checked and put together.
 *
 * Merging as LinuxKit does it: fields of the kernel section override one by one, lists append. Beyond LinuxKit: volumes
 * of every file are known to all, and names of volumes must differ across files too. */
#pragma once

#include "fields.h"

enum section {
	SECTION_ONBOOT,
	SECTION_ONSHUTDOWN,
	SECTION_SERVICES,
	SECTIONS,
};
extern const char *const section_names[SECTIONS];

/* One element of a list of the file. */
struct entry {
	const struct node *node; /* text of init, else a checked record */
	size_t index;            /* in the list of its own file */
};

struct entries {
	struct entry *list;
	size_t count;
};

struct config {
	struct arena arena;
	struct text_file *files; /* newest first */
	const struct node *kernel[KERNEL_COUNT];
	struct entries init, sections[SECTIONS], volumes, added; /* added: the files section */
	struct diags diags;
	bool unreadable; /* a file is no YAML, or no mapping: what it would have added is not known */
};

#define _cleanup_config_free_ _cleanup_(config_free)
void config_free(struct config *c);

/* Reports that there is no memory. */
void config_lack_memory(struct config *c);
/* A text that is a part of the configuration, for nodes to point into. Takes text (allocated), also on failure: NULL,
 * without memory. */
struct text_file *config_add_text(struct config *c, const char *name, char *text, size_t len);

/* The id of a container by name, from 100 in order of onboot, onshutdown, services; a later one of the same name
 * counts. False where there is none. */
bool config_id(const struct config *c, const char *name, uint32_t *id);
/* The number of a uid or gid field (key): numbers modulo 2^32, "" and "root" are 0, else a container's. False, with *id
 * 0, for an unknown name: it is reported. n NULL: 0. */
bool config_owner(struct config *c, const struct node *n, const char *key, const struct where *where, uint32_t *id);
/* Warns of a number whose lower 32 bits are taken, as LinuxKit's tool takes them without a word: 4294967296 is root. */
void config_doubt_owner(struct config *c, const struct node *n, const struct where *where);
/* Permissions in octal digits, of at most 31 bits as the reference takes them. */
bool mode_parse(const char *text, uint32_t *out);
/* The volume of that name, NULL where there is none. */
const struct node *config_volume(const struct config *c, const char *name);

/* `services[2] "web"`: the way to an entry. The caller keeps both; key is the section's name. */
void where_entry(struct where where[static 2], const char *key, const struct entry *e);
