#include <string.h>

#include "portfs_private.h"

static const char readme[] =
	"Ports of the host that lead into this machine.\n"
	"Make a folder of any name here, open its file \"ctl\" for reading and writing, and write into it\n"
	"  tcp:HOST-IP:HOST-PORT:tcp:IP:PORT    or udp for both\n"
	"  unix:HOST-PATH:unix:PATH             both paths in base64\n"
	"Then seek to its beginning and read: \"OK\" and the port as it is open, or \"ERROR\" and why it is not.\n"
	"The port is open until ctl is closed, or the folder is removed.\n";

struct ninep_qid portfs_node_qid(const struct node *n)
{
	struct ninep_qid q = { .type = n->kind == ROOT || n->kind == FOLDER ? NINEP_DIR : NINEP_FILE };

	q.path = n->port ? n->port->id << 2 | (uint64_t)(n->kind - FOLDER) : (uint64_t)n->kind;
	return q;
}

int portfs_node_text(const struct node *n, struct buf *out)
{
	if (n->kind == README)
		return buf_addstr(out, readme);
	if (n->kind == CTL)
		return buf_addstr(out, portfs_port_text(n->port));
	return vpnkit_port_spec(&n->port->port, out) < 0 || buf_addstr(out, "\n") < 0 ? -1 : 0;
}

struct ninep_stat portfs_node_stat(const struct node *n)
{
	struct ninep_stat s = { .qid = portfs_node_qid(n), .mode = 0444, .name = "/" };
	_cleanup_buf_ struct buf text = { 0 };

	if (n->kind == ROOT || n->kind == FOLDER)
		s.mode = NINEP_MODE_DIR | 0755;
	else if (n->kind == CTL)
		s.mode = 0600;
	if (n->kind == README)
		s.name = "README";
	else if (n->kind == CTL)
		s.name = "ctl";
	else if (n->port)
		s.name = n->port->name;
	/* Before it is written, what ctl says counts for nothing: Linux keeps the larger of its length and what is
	 * written, and takes an answer that is shorter than that for cut short. */
	if (s.qid.type == NINEP_FILE && (n->kind != CTL || n->port->answer.len > 0) && portfs_node_text(n, &text) == 0)
		s.length = text.len;
	return s;
}

bool portfs_text_is(const struct ninep_text *t, const char *want)
{
	return t->len == strlen(want) && memcmp(t->at, want, t->len) == 0;
}

bool portfs_node_step(struct portfs *fs, struct node *n, const struct ninep_text *name)
{
	if (n->port && n->port->gone)
		return false;
	if (portfs_text_is(name, "..")) {
		*n = n->kind == CTL ? (struct node){ FOLDER, n->port } : (struct node){ ROOT, NULL };
		return true;
	}
	if (n->kind == FOLDER && portfs_text_is(name, "ctl")) {
		n->kind = CTL;
		return true;
	}
	if (n->kind != ROOT)
		return false;
	if (portfs_text_is(name, "README")) {
		n->kind = README;
		return true;
	}
	n->port = portfs_port_find(fs, name);
	if (n->port)
		n->kind = n->port->state == PORTFS_OPEN ? SHOWN : FOLDER;
	return n->port != NULL;
}

/* The entries of a directory have numbers: those of the root their ports' ids, README and ctl 0. */
bool portfs_node_entry(struct portfs *fs, const struct node *dir, uint64_t from, struct node *out, uint64_t *number)
{
	*number = 0;
	if (from == 0) {
		*out = dir->kind == ROOT ? (struct node){ README, NULL } : (struct node){ CTL, dir->port };
		return true;
	}
	if (dir->kind != ROOT)
		return false;
	for (struct list *l = fs->ports.next; l != &fs->ports; l = l->next) {
		struct portfs_port *p = list_entry(l, struct portfs_port, place);

		if (p->gone || p->id < from)
			continue;
		*out = (struct node){ p->state == PORTFS_OPEN ? SHOWN : FOLDER, p };
		*number = p->id;
		return true;
	}
	return false;
}
