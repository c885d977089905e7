/* For the two versions of control groups, metrics_v1.c and metrics_v2.c: from the kernel's files (metrics_read.c) to
 * messages. Everything that they make is in the arena. */
#pragma once

#include "any.pb-c.h"
#include "arena.h"
#include "cgroups.h"

struct metrics {
	struct arena arena;
	bool failed; /* no memory */
};

ProtobufCMessage *metrics_v1(struct metrics *m, const struct cgroups *groups);
ProtobufCMessage *metrics_v2(struct metrics *m, const struct cgroups *groups);

/* A zeroed message of that type. NULL without memory, which `failed` remembers. */
void *metrics_message(struct metrics *m, const ProtobufCMessageDescriptor *type);
char *metrics_copy(struct metrics *m, const char *text, size_t n);
/* Appends to a repeated field of messages. */
void metrics_append(struct metrics *m, size_t *count, void *list, void *message);

/* A file's text, NULL when it is not there; the caller frees. */
char *metrics_text(const char *dir, const char *name);
/* A number; "max" is `max`. 0 when there is none. */
uint64_t metrics_number(const char *dir, const char *name, uint64_t max);

/* The kernel's names for fields where they differ from the message's. */
struct metrics_name {
	const char *kernel, *field;
};
/* Lines "key number" into the uint64 fields of those names. NULL names ends the table. */
void metrics_fields(ProtobufCMessage *message, const char *text, const struct metrics_name *names);
/* Words "key=number", the same way. */
void metrics_words(ProtobufCMessage *message, const char *line, size_t n, const struct metrics_name *names);

/* A file of RDMA devices, lines "mlx4_0 hca_handle=2 hca_object=2000": a message of that type each, with a field
 * "device", appended to a repeated field. */
void metrics_rdma(struct metrics *m, const char *dir, const char *file, const ProtobufCMessageDescriptor *type,
		  size_t *count, void *list);

/* "major:minor" at the start of a line; returns what follows, NULL when it is none. */
const char *metrics_device(const char *line, uint64_t *major, uint64_t *minor);
/* Calls back for each size of huge pages that the directory has files "hugetlb.SIZE.SUFFIX" for. */
typedef void metrics_page_fn(struct metrics *m, const char *dir, const char *size, void *data);
void metrics_pages(struct metrics *m, const char *dir, const char *suffix, metrics_page_fn *fn, void *data);
