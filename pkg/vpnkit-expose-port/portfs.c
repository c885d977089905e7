#include "portfs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "portfs_private.h"
#include "str.h"

/* An operation has put its answer into fs->out and returns NULL, or it returns the text of an error. */
typedef const char *op_fn(struct portfs *fs, const struct ninep_request *q, struct portfs_fid *f);

/* What an open is answered by. The data of one message are as many as a message takes: 0. */
static const char *reply_opened(struct portfs *fs, const struct ninep_request *q, const struct node *n)
{
	struct ninep_qid id = portfs_node_qid(n);
	size_t at = portfs_reply_begin(fs, q->type + 1, q->tag);

	portfs_reply_add(fs, ninep_add_qid(&fs->out, &id));
	portfs_reply_add(fs, ninep_add(&fs->out, 0, 4));
	portfs_reply_end(fs, at);
	return NULL;
}

/* --- operations --------------------------------------------------------------------------------------------------- */

static const char *op_version(struct portfs *fs, const struct ninep_request *q, struct portfs_fid *f)
{
	static const char ours[] = "9P2000", none[] = "unknown";
	bool fits = q->name.len >= strlen(ours) && memcmp(q->name.at, ours, strlen(ours)) == 0;
	const char *name = fits && q->other >= NINEP_MSIZE_MIN ? ours : none;
	size_t at;

	(void)f;
	/* A client that begins anew: what it asked for before is not waited for any more, what it held is given up. */
	for (struct list *l = fs->ports.next; l != &fs->ports; l = l->next)
		list_entry(l, struct portfs_port, place)->waiting = false;
	portfs_fids_drop(fs);
	fs->msize = name == none ? 0 : q->other < NINEP_MSIZE ? q->other : NINEP_MSIZE;
	at = portfs_reply_begin(fs, NINEP_VERSION + 1, q->tag);
	portfs_reply_add(fs, ninep_add(&fs->out, fs->msize ? fs->msize : NINEP_MSIZE, 4));
	portfs_reply_add(fs, ninep_add_text(&fs->out, name, strlen(name)));
	portfs_reply_end(fs, at);
	return NULL;
}

static const char *op_auth(struct portfs *fs, const struct ninep_request *q, struct portfs_fid *f)
{
	(void)fs;
	(void)q;
	(void)f;
	return NO_RIGHT; /* none is needed */
}

static const char *op_attach(struct portfs *fs, const struct ninep_request *q, struct portfs_fid *f)
{
	const struct node root = { ROOT, NULL };
	const struct ninep_qid id = portfs_node_qid(&root);
	const char *wrong = portfs_fid_new(fs, q->fid, &root);
	size_t at;

	(void)f;
	if (wrong)
		return wrong;
	at = portfs_reply_begin(fs, NINEP_ATTACH + 1, q->tag);
	portfs_reply_add(fs, ninep_add_qid(&fs->out, &id));
	portfs_reply_end(fs, at);
	return NULL;
}

/* The host goes on with what it was asked for, which ctl then says. */
static const char *op_flush(struct portfs *fs, const struct ninep_request *q, struct portfs_fid *f)
{
	(void)f;
	for (struct list *l = fs->ports.next; l != &fs->ports; l = l->next) {
		struct portfs_port *p = list_entry(l, struct portfs_port, place);

		if (p->waiting && p->tag == q->other)
			p->waiting = false;
	}
	return portfs_reply_empty(fs, q);
}

static const char *op_walk(struct portfs *fs, const struct ninep_request *q, struct portfs_fid *f)
{
	struct ninep_qid ids[NINEP_NAMES];
	struct node n = f->node;
	uint32_t i;
	size_t at;

	for (i = 0; i < q->count && portfs_node_step(fs, &n, &q->names[i]); i++)
		ids[i] = portfs_node_qid(&n);
	if (i == 0 && q->count > 0)
		return NO_ENTRY;
	/* A walk that gets only part of the way says how far, and leaves the fids as they are. */
	if (i == q->count && q->other == q->fid) {
		if (f->opened)
			return NO_FID;
		portfs_fid_point(f, &n);
	} else if (i == q->count) {
		const char *wrong = portfs_fid_new(fs, q->other, &n);

		if (wrong)
			return wrong;
	}
	at = portfs_reply_begin(fs, NINEP_WALK + 1, q->tag);
	portfs_reply_add(fs, ninep_add(&fs->out, i, 2));
	for (uint32_t k = 0; k < i; k++)
		portfs_reply_add(fs, ninep_add_qid(&fs->out, &ids[k]));
	portfs_reply_end(fs, at);
	return NULL;
}

static const char *op_open(struct portfs *fs, const struct ninep_request *q, struct portfs_fid *f)
{
	uint8_t way = q->mode & 3;

	if (f->opened)
		return NO_FID;
	if (f->node.port && f->node.port->gone)
		return NO_ENTRY;
	if (f->node.kind != CTL && way != NINEP_READS)
		return NO_ACCESS;
	if (way == NINEP_EXEC)
		return NO_ACCESS;
	f->opened = true;
	f->mode = way;
	return reply_opened(fs, q, &f->node);
}

static const char *op_create(struct portfs *fs, const struct ninep_request *q, struct portfs_fid *f)
{
	struct node n = { .kind = FOLDER };

	if (f->opened || f->node.kind != ROOT)
		return NO_RIGHT;
	if (!(q->other & NINEP_MODE_DIR) || (q->mode & 3) != NINEP_READS)
		return NO_RIGHT; /* only folders are made */
	if (q->name.len > PORTFS_NAME_MAX)
		return IS_LONG;
	if (q->name.len == 0 || memchr(q->name.at, '/', q->name.len) || memchr(q->name.at, '\0', q->name.len) ||
	    portfs_text_is(&q->name, ".") || portfs_text_is(&q->name, ".."))
		return NO_VALUE;
	if (portfs_text_is(&q->name, "README") || portfs_port_find(fs, &q->name))
		return IS_THERE;
	if (fs->port_count >= PORTFS_PORTS_MAX)
		return NO_SPACE;
	n.port = portfs_port_new(fs, &q->name);
	if (!n.port)
		return NO_MEMORY;
	portfs_fid_point(f, &n);
	f->opened = true;
	f->mode = NINEP_READS;
	return reply_opened(fs, q, &n);
}

static const char *dir_read(struct portfs *fs, const struct ninep_request *q, struct portfs_fid *f)
{
	_cleanup_buf_ struct buf b = { 0 };
	size_t max = fs->msize - NINEP_READ_HEAD < q->count ? fs->msize - NINEP_READ_HEAD : q->count;
	struct node n;
	uint64_t number;

	if (q->offset == 0)
		f->next = 0;
	else if (q->offset != f->offset)
		return NO_VALUE; /* a directory is read in order */
	while (portfs_node_entry(fs, &f->node, f->next, &n, &number)) {
		struct ninep_stat s = portfs_node_stat(&n);
		size_t before = b.len;

		if (ninep_add_stat(&b, &s) < 0)
			return NO_MEMORY;
		if (b.len > max) {
			buf_truncate(&b, before);
			if (before == 0)
				return NO_VALUE; /* nothing would be the end */
			break;
		}
		f->next = number + 1;
	}
	f->offset = q->offset + b.len;
	return portfs_reply_data(fs, q, &b, 0);
}

static const char *op_read(struct portfs *fs, const struct ninep_request *q, struct portfs_fid *f)
{
	_cleanup_buf_ struct buf b = { 0 };

	if (!f->opened || f->mode == NINEP_WRITES)
		return NO_FID;
	if (f->node.port && f->node.port->gone)
		return NO_ENTRY;
	if (f->node.kind == ROOT || f->node.kind == FOLDER)
		return dir_read(fs, q, f);
	if (portfs_node_text(&f->node, &b) < 0)
		return NO_MEMORY;
	return portfs_reply_data(fs, q, &b, q->offset < b.len ? (size_t)q->offset : b.len);
}

static const char *op_write(struct portfs *fs, const struct ninep_request *q, struct portfs_fid *f)
{
	(void)fs;
	if (!f->opened || f->mode == NINEP_READS)
		return NO_FID;
	if (f->node.port->gone)
		return NO_ENTRY;
	if (f->node.port->state != PORTFS_EMPTY)
		return NO_RIGHT; /* a folder is one port */
	portfs_port_write(f->node.port, f, q);
	return NULL;
}

static const char *op_clunk(struct portfs *fs, const struct ninep_request *q, struct portfs_fid *f)
{
	portfs_fid_free(fs, f);
	return portfs_reply_empty(fs, q);
}

/* The fid goes in any case. */
static const char *op_remove(struct portfs *fs, const struct ninep_request *q, struct portfs_fid *f)
{
	bool folder = f->node.kind == FOLDER || f->node.kind == SHOWN, gone = folder && f->node.port->gone;

	if (folder)
		portfs_port_stop(f->node.port);
	portfs_fid_free(fs, f);
	if (!folder)
		return NO_RIGHT;
	return gone ? NO_ENTRY : portfs_reply_empty(fs, q);
}

static const char *op_stat(struct portfs *fs, const struct ninep_request *q, struct portfs_fid *f)
{
	_cleanup_buf_ struct buf b = { 0 };
	struct ninep_stat s;
	size_t at;

	if (f->node.port && f->node.port->gone)
		return NO_ENTRY;
	s = portfs_node_stat(&f->node);
	if (ninep_add_stat(&b, &s) < 0)
		return NO_MEMORY;
	at = portfs_reply_begin(fs, NINEP_STAT + 1, q->tag);
	portfs_reply_add(fs, ninep_add_text(&fs->out, buf_text(&b), b.len));
	portfs_reply_end(fs, at);
	return NULL;
}

/* ctl is cut to no length by whoever opens it to write: that is fine. Nothing else of a file changes. */
static const char *op_wstat(struct portfs *fs, const struct ninep_request *q, struct portfs_fid *f)
{
	if (q->touches && (f->node.kind != CTL || q->name.len > 0))
		return NO_RIGHT;
	return portfs_reply_empty(fs, q);
}

static const struct {
	op_fn *run;
	bool no_fid; /* it names none, or a new one */
} ops[] = {
	{ op_version, true }, { op_auth, true },    { op_attach, true },  { NULL, true },      { op_flush, true },
	{ op_walk, false },   { op_open, false },   { op_create, false }, { op_read, false },  { op_write, false },
	{ op_clunk, false },  { op_remove, false }, { op_stat, false },   { op_wstat, false },
};

static const char *request_run(struct portfs *fs, const struct ninep_request *q)
{
	size_t i = (size_t)(q->type - NINEP_VERSION) / 2;
	struct portfs_fid *f;

	if (!q->known)
		return NO_FUNCTION;
	if (fs->msize == 0 && q->type != NINEP_VERSION)
		return NO_VALUE;
	f = ops[i].no_fid ? NULL : portfs_fid_find(fs, q->fid);
	if (!ops[i].no_fid && !f)
		return NO_FID;
	return ops[i].run(fs, q, f);
}

int portfs_next(struct portfs *fs, const uint8_t *bytes, size_t n, size_t *used, struct error *err)
{
	struct ninep_request q;
	const char *wrong;
	int r;

	if (fs->no_memory)
		return error_set(err, ENOMEM, "9P");
	r = ninep_parse(bytes, n, &q, used, err);
	if (r <= 0)
		return r;
	wrong = request_run(fs, &q);
	if (wrong)
		portfs_reply_error(fs, q.tag, wrong);
	return fs->no_memory ? error_set(err, ENOMEM, "9P") : 1;
}

void portfs_init(struct portfs *fs)
{
	list_init(&fs->ports);
	for (size_t i = 0; i < PORTFS_BUCKETS; i++)
		list_init(&fs->fids[i]);
}

void portfs_clear(struct portfs *fs)
{
	while (!list_empty(&fs->ports)) {
		struct portfs_port *p = list_entry(fs->ports.next, struct portfs_port, place);

		portfs_port_free(p);
	}
	for (size_t i = 0; i < PORTFS_BUCKETS; i++) {
		while (!list_empty(&fs->fids[i])) {
			struct list *first = fs->fids[i].next;

			list_remove(first);
			free(list_entry(first, struct portfs_fid, place));
		}
	}
	buf_free(&fs->out);
	*fs = (struct portfs){ 0 };
}
