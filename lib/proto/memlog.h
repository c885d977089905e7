/* The memory log daemon's protocols, which are LinuxKit's.
 *
 * Writers send a datagram to MEMLOG_SOCKET: the name of the source, at most MEMLOG_NAME bytes, and with it (SCM_RIGHTS)
 * a descriptor that the daemon reads line by line to its end (lib/sys/memlogd.h sends one).
 *
 * Readers connect to MEMLOG_QUERY and send one byte, enum memlog_query. They get an entry a line, a JSON object:
 *
 *   {"time":"2026-01-31T12:00:00.123456789Z","source":"NAME","msg":"TEXT","seq":42}
 *
 * "seq" is ours alone: the number of the entry. A reader whose connection ended goes on with MEMLOG_FROM.
 *
 * The source MEMLOG_SELF is the daemon itself, which says there what was lost or refused. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "buf.h"
#include "error.h"

#define MEMLOG_QUERY "/run/memlogdq.sock"
#define MEMLOG_SELF  "memlogd"

enum { MEMLOG_NAME = 512 };

enum memlog_query {
	MEMLOG_DUMP,   /* what there is, then the end */
	MEMLOG_FOLLOW, /* what comes */
	MEMLOG_BOTH,   /* what there is and what comes */
	MEMLOG_FROM,   /* the same from an entry on, whose number follows: 8 bytes, little-endian */
};

enum { MEMLOG_TIME = 36 };
/* RFC 3339 in UTC with as many digits of the fraction as it has, as Go writes it. */
void memlog_time_format(char out[MEMLOG_TIME], const struct timespec *time);

/* Neither needs to be text: what is no UTF-8 becomes U+FFFD in JSON. */
struct memlog_entry {
	struct timespec time;
	const char *source, *msg;
	size_t source_len, msg_len;
	uint64_t number;
};

/* Append an entry as a line: JSON, or "TIME;SOURCE;MSG" with "\;" for a semicolon in the source. -1 without memory. */
int memlog_json_add(struct buf *out, const struct memlog_entry *e);
int memlog_text_add(struct buf *out, const struct memlog_entry *e);

/* What a line of JSON says; every one of them is there. The caller clears it. */
struct memlog_line {
	char *time, *source, *msg;
	uint64_t next; /* the number behind its own; 0: it has none */
};

#define _cleanup_memlog_line_ _cleanup_(memlog_line_clear)
void memlog_line_clear(struct memlog_line *l);
/* The line without its newline. The error names what is wrong with it, such as a text that holds a
 * NUL, which the daemon takes out. */
int memlog_line_parse(const char *line, size_t n, struct memlog_line *out, struct error *err);

enum { MEMLOG_ASK = 9 };
/* What a reader sends: the mode, or, with the number that memlog_line gave, to go on there. Returns the length. */
size_t memlog_ask(uint8_t out[MEMLOG_ASK], enum memlog_query mode, uint64_t next);
/* What it has sent so far: how many bytes that is, or 0: more are needed. */
size_t memlog_ask_parse(const uint8_t *bytes, size_t n, enum memlog_query *mode, uint64_t *next);
