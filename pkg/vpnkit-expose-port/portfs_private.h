/* Between the files that make portfs.h. */
#pragma once

#include "portfs.h"

/* What Linux knows of errors in 9P2000 is their text: these are the ones that it turns into errno. */
#define NO_ENTRY    "No such file or directory"
#define NO_RIGHT    "Operation not permitted"
#define NO_ACCESS   "Permission denied"
#define NO_FID      "Bad file descriptor"
#define NO_MEMORY   "Cannot allocate memory"
#define NO_SPACE    "No space left on device"
#define NO_VALUE    "Invalid argument"
#define NO_FUNCTION "Function not implemented"
#define IS_THERE    "File exists"
#define IS_LONG     "File name too long"
#define IS_TOO_MANY "Too many open files"

enum kind { ROOT, README, FOLDER, CTL, SHOWN };

struct node {
	enum kind kind;
	struct portfs_port *port; /* of the last three */
};

struct portfs_fid {
	struct list place;
	uint32_t number;
	struct node node;
	bool opened;
	uint8_t mode;
	/* of a directory: where the last read has ended, and the first entry behind that */
	uint64_t offset, next;
};

/* --- portfs_port.c: the folders --- */
/* NULL without memory. The name has at most PORTFS_NAME_MAX bytes. */
struct portfs_port *portfs_port_new(struct portfs *fs, const struct ninep_text *name);
struct portfs_port *portfs_port_find(struct portfs *fs, const struct ninep_text *name);
void portfs_port_unref(struct portfs_port *p);
/* Takes it out of the directory and closes it. Legal for one that is out already. */
void portfs_port_stop(struct portfs_port *p);
/* Asks the host for what was written; the write with this tag is answered by portfs_answer_write(). */
void portfs_port_write(struct portfs_port *p, const struct portfs_fid *owner, const struct ninep_request *q);
/* What ctl says. */
const char *portfs_port_text(const struct portfs_port *p);
void portfs_port_free(struct portfs_port *p);

/* --- portfs_node.c: what the files look like --- */
bool portfs_text_is(const struct ninep_text *t, const char *want);
struct ninep_qid portfs_node_qid(const struct node *n);
struct ninep_stat portfs_node_stat(const struct node *n);
/* Appends what a file says. -1 without memory. */
int portfs_node_text(const struct node *n, struct buf *out);
/* One step of a walk. False: there is no such file. */
bool portfs_node_step(struct portfs *fs, struct node *n, const struct ninep_text *name);
/* The first entry of a directory whose number is not below `from`. False: there is none. */
bool portfs_node_entry(struct portfs *fs, const struct node *dir, uint64_t from, struct node *out, uint64_t *number);

/* --- portfs_fid.c --- */
struct portfs_fid *portfs_fid_find(struct portfs *fs, uint32_t number);
/* NULL, or the text of an error. */
const char *portfs_fid_new(struct portfs *fs, uint32_t number, const struct node *n);
void portfs_fid_point(struct portfs_fid *f, const struct node *n);
/* The port that was opened by it closes. */
void portfs_fid_free(struct portfs *fs, struct portfs_fid *f);
void portfs_fids_drop(struct portfs *fs);

/* --- portfs_reply.c: answers, of which nothing fails to be said: without memory the connection ends --- */
/* One of several parts: where it begins, for portfs_reply_end(). */
size_t portfs_reply_begin(struct portfs *fs, uint8_t type, uint16_t tag);
/* What adding a part has returned. */
void portfs_reply_add(struct portfs *fs, int added);
void portfs_reply_end(struct portfs *fs, size_t at);
/* The next two return NULL, as an operation does that has answered. */
const char *portfs_reply_empty(struct portfs *fs, const struct ninep_request *q);
/* As much of what is behind `from` as was asked for and has room. */
const char *portfs_reply_data(struct portfs *fs, const struct ninep_request *q, const struct buf *b, size_t from);
void portfs_answer_write(struct portfs *fs, uint16_t tag, size_t n);
void portfs_reply_error(struct portfs *fs, uint16_t tag, const char *text);
