#include <stdlib.h>
#include <string.h>

#include "portfs_private.h"

#define NO_REQUEST "ERROR no request received. Please read the README.\n"

struct portfs_port *portfs_port_new(struct portfs *fs, const struct ninep_text *name)
{
	struct portfs_port *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->fs = fs;
	p->id = ++fs->last_id;
	memcpy(p->name, name->at, name->len);
	list_append(&fs->ports, &p->place);
	fs->port_count++;
	return p;
}

void portfs_port_free(struct portfs_port *p)
{
	list_remove(&p->place);
	p->fs->port_count--;
	vpnkit_port_clear(&p->port);
	buf_free(&p->answer);
	free(p);
}

struct portfs_port *portfs_port_find(struct portfs *fs, const struct ninep_text *name)
{
	for (struct list *l = fs->ports.next; l != &fs->ports; l = l->next) {
		struct portfs_port *p = list_entry(l, struct portfs_port, place);

		if (!p->gone && strlen(p->name) == name->len && memcmp(p->name, name->at, name->len) == 0)
			return p;
	}
	return NULL;
}

void portfs_port_unref(struct portfs_port *p)
{
	p->refs--;
	if (p->refs == 0 && p->gone)
		portfs_port_free(p);
}

static void port_close(struct portfs_port *p)
{
	p->state = PORTFS_CLOSING;
	p->fs->handler->unexpose(p->fs->data, p);
}

void portfs_port_stop(struct portfs_port *p)
{
	if (p->gone)
		return;
	p->gone = true;
	p->refs++; /* stays until here is done with it */
	if (p->state == PORTFS_OPEN) {
		p->refs++;
		port_close(p);
	}
	portfs_port_unref(p);
}

const char *portfs_port_text(const struct portfs_port *p)
{
	return p->answer.len > 0 ? buf_text(&p->answer) : NO_REQUEST;
}

/* Without memory ctl goes on saying that nothing was asked for. */
static void port_answer(struct portfs_port *p, const struct error *why)
{
	int r = buf_addstr(&p->answer, why ? "ERROR " : "OK ");

	r |= why ? buf_addstr(&p->answer, error_text(why)) : vpnkit_port_spec(&p->port, &p->answer);
	while (r == 0 && p->answer.len + 1 < p->written)
		r = buf_addstr(&p->answer, " ");
	r |= buf_addstr(&p->answer, "\n");
	if (r < 0)
		buf_free(&p->answer);
}

void portfs_port_write(struct portfs_port *p, const struct portfs_fid *owner, const struct ninep_request *q)
{
	_cleanup_error_ struct error e = { 0 };

	p->owner = owner;
	p->written = q->count;
	p->waiting = true;
	p->tag = q->tag;
	p->refs++;
	p->state = PORTFS_ASKING;
	if (vpnkit_port_parse((const char *)q->data, q->count, &p->port, &e) < 0)
		portfs_opened(p, &e);
	else
		p->fs->handler->expose(p->fs->data, p);
}

void portfs_opened(struct portfs_port *p, const struct error *why)
{
	port_answer(p, why);
	if (p->waiting)
		portfs_answer_write(p->fs, p->tag, p->written);
	p->waiting = false;
	p->state = why ? PORTFS_FAILED : PORTFS_OPEN;
	if (p->gone && !why)
		port_close(p); /* and keeps what asking held */
	else
		portfs_port_unref(p);
}

void portfs_closed(struct portfs_port *p)
{
	portfs_port_unref(p);
}
