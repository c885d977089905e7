/* Messages of 9P2000, the file protocol that Linux mounts as "9p" (intro(5) of Plan 9): what a client asks, taken
 * apart, and what a server answers, put together. No input or output here.
 *
 *   every message   u32 size, itself included; u8 type; u16 tag; all little endian
 *   a text          u16 length, bytes */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

enum {
	NINEP_MSIZE = 16 * 1024, /* the largest message, either way */
	NINEP_MSIZE_MIN = 512,   /* of a client: less has no room for a file's description */
	NINEP_NAMES = 16,        /* of one walk */
	NINEP_READ_HEAD = 11,    /* of an answer with data, in front of them */
	NINEP_NOTAG = 0xffff,
};
#define NINEP_NOFID UINT32_MAX

/* Types of requests; the type of an answer is one more. */
enum ninep_type {
	NINEP_VERSION = 100,
	NINEP_AUTH = 102,
	NINEP_ATTACH = 104,
	NINEP_ERROR = 106, /* its answer alone */
	NINEP_FLUSH = 108,
	NINEP_WALK = 110,
	NINEP_OPEN = 112,
	NINEP_CREATE = 114,
	NINEP_READ = 116,
	NINEP_WRITE = 118,
	NINEP_CLUNK = 120,
	NINEP_REMOVE = 122,
	NINEP_STAT = 124,
	NINEP_WSTAT = 126,
};

enum { NINEP_READS = 0, NINEP_WRITES = 1, NINEP_BOTH = 2, NINEP_EXEC = 3 }; /* the low bits of an open's mode */

/* Kinds of files: in qid.type, and in the highest byte of a mode. */
enum { NINEP_DIR = 0x80, NINEP_FILE = 0 };
#define NINEP_MODE_DIR UINT32_C(0x80000000)

struct ninep_text {
	const char *at; /* inside the message */
	size_t len;
};

struct ninep_request {
	uint8_t type;
	uint16_t tag;
	uint32_t fid;           /* all but version, flush */
	uint32_t other;         /* walk: the new fid; version: msize; flush: the old tag; create: permissions */
	struct ninep_text name; /* version, create; wstat: the new name, empty: it stays */
	uint8_t mode;           /* open, create */
	uint64_t offset;        /* read, write */
	uint32_t count;         /* read, write; walk: of names */
	const uint8_t *data;    /* write */
	struct ninep_text names[NINEP_NAMES];
	bool touches; /* wstat: it changes more than nothing */
	bool known;   /* false: a type that there is not; nothing else is set but the tag */
};

struct ninep_qid {
	uint8_t type;
	uint64_t path; /* tells two files apart */
};

struct ninep_stat {
	struct ninep_qid qid;
	uint32_t mode;
	uint64_t length;
	const char *name;
};

/* The first message of n bytes. 1: it is whole, *used bytes; 0: more is wanted; -1: no message of 9P2000, or longer
 * than NINEP_MSIZE. */
int ninep_parse(const uint8_t *bytes, size_t n, struct ninep_request *out, size_t *used, struct error *err);

/* An answer: ninep_begin(), its parts, ninep_end(). All return -1 without memory. *at is where it begins. */
int ninep_begin(struct buf *out, uint8_t type, uint16_t tag, size_t *at);
int ninep_add(struct buf *out, uint64_t value, unsigned bytes);
int ninep_add_text(struct buf *out, const char *text, size_t n);
int ninep_add_qid(struct buf *out, const struct ninep_qid *q);
/* With its size in front, as a directory's data have it. */
int ninep_add_stat(struct buf *out, const struct ninep_stat *s);
void ninep_end(struct buf *out, size_t at);
