/* Log files in a directory that other containers may write to as well.
 *
 * A source's file is NAME.log. One that has grown to its size is kept as NAME.log.0, that one as NAME.log.1, and so on.
 * What lies in a file's place and is no file of ours alone (a link, a fifo, a file with a second name) is removed, a
 * directory is moved aside. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "error.h"

enum {
	LOGS_OPEN = 32,   /* files that are open at the same time */
	LOGS_NAME = 200,  /* bytes of a name */
	LOGS_NAMES = 512, /* names; what others say goes into LOGS_OTHER */
};

#define LOGS_OTHER "other-sources"

struct log_file {
	char *name; /* NULL: free */
	int fd;     /* -1: could not be opened */
	uint64_t size, used;
	bool dirty;
};

struct logs {
	int dir;
	uint64_t max_size, max_files;
	/* private */
	struct log_file files[LOGS_OPEN];
	char **names;
	uint64_t turn;
	uint64_t lost; /* lines that could not be written since the last one that could */
};

/* The name of a source's file, without ".log": "/" and control characters become "_", and so does a dot in front. */
void logs_name(const char *source, char out[LOGS_NAME + 1]);

/* Adds a line (with its newline) to the source's file. -1: it is lost, and counted; err says why, and is filled only
 * for the first one in a row. */
int logs_add(struct logs *l, const char *source, const char *line, size_t n, struct error *err);
/* To the disk, what was written. True: there was something. */
bool logs_sync(struct logs *l);
void logs_close(struct logs *l);
