#include <stdlib.h>
#include <string.h>

#include "portfs_private.h"

struct portfs_fid *portfs_fid_find(struct portfs *fs, uint32_t number)
{
	struct list *bucket = &fs->fids[number % PORTFS_BUCKETS];

	for (struct list *l = bucket->next; l != bucket; l = l->next) {
		struct portfs_fid *f = list_entry(l, struct portfs_fid, place);

		if (f->number == number)
			return f;
	}
	return NULL;
}

void portfs_fid_point(struct portfs_fid *f, const struct node *n)
{
	struct portfs_port *before = f->node.port;

	if (n->port)
		n->port->refs++;
	f->node = *n;
	if (before)
		portfs_port_unref(before);
}

const char *portfs_fid_new(struct portfs *fs, uint32_t number, const struct node *n)
{
	struct portfs_fid *f;

	if (number == NINEP_NOFID || portfs_fid_find(fs, number))
		return NO_FID;
	if (fs->fid_count == PORTFS_FIDS_MAX)
		return IS_TOO_MANY;
	f = calloc(1, sizeof(*f));
	if (!f)
		return NO_MEMORY;
	f->number = number;
	portfs_fid_point(f, n);
	list_append(&fs->fids[number % PORTFS_BUCKETS], &f->place);
	fs->fid_count++;
	return NULL;
}

void portfs_fid_free(struct portfs *fs, struct portfs_fid *f)
{
	struct portfs_port *p = f->node.port;

	if (p && p->owner == f) {
		p->owner = NULL;
		portfs_port_stop(p);
	}
	if (p)
		portfs_port_unref(p);
	list_remove(&f->place);
	fs->fid_count--;
	free(f);
}

void portfs_fids_drop(struct portfs *fs)
{
	for (size_t i = 0; i < PORTFS_BUCKETS; i++)
		while (!list_empty(&fs->fids[i]))
			portfs_fid_free(fs, list_entry(fs->fids[i].next, struct portfs_fid, place));
}
