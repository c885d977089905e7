/* format: makes a disk ready, once. With no disk named the first one that is empty is taken.
 *
 * A boot may end at any moment, and the next one finds out by itself what is left to do (make.c). What holds data is
 * never touched without -force. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format.h"
#include "io.h"
#include "links.h"
#include "log.h"
#include "program.h"
#include "str.h"
#include "wait.h"

enum { WAIT_SECONDS = 10, WAIT_MOST = 3600 };

struct options {
	bool force, verbose;
	const char *label;
	int type, table; /* table: -1 is not given */
	uint64_t wait;   /* seconds */
};

static const char *const types[] = { "ext4", "xfs", "btrfs", NULL };
static const char *const tables[] = { "dos", "gpt", NULL };
/* Bytes of a label. */
static const size_t label_most[] = { 16, 12, 255 };
_Static_assert(array_len(label_most) == array_len(types) - 1, "one a type");

static const struct option rows[] = {
	{ .name = "force",
	  .help = "the disk that is named is formatted in any case: all that is on it is lost, on every boot",
	  .set = option_set_switch,
	  .field = offsetof(struct options, force) },
	{ .name = "label",
	  .argument = "LABEL",
	  .help = "of the file system",
	  .set = option_set_text,
	  .field = offsetof(struct options, label) },
	{ .name = "type",
	  .argument = "TYPE",
	  .help = "the file system: ext4 (the default), xfs or btrfs",
	  .set = option_set_choice,
	  .field = offsetof(struct options, type),
	  .choices = types },
	{ .name = "partition",
	  .argument = "TABLE",
	  .help = "the partition table: dos (the default up to 2 TiB) or gpt",
	  .set = option_set_choice,
	  .field = offsetof(struct options, table),
	  .choices = tables },
	{ .name = "wait",
	  .argument = "SECONDS",
	  .help = "for a disk that is not there yet (10)",
	  .set = option_set_number,
	  .field = offsetof(struct options, wait),
	  .max = WAIT_MOST },
	{ .name = "verbose",
	  .help = "say what is found on each disk",
	  .set = option_set_switch,
	  .field = offsetof(struct options, verbose) },
	{ .name = "help", .letter = 'h', .help = "show this help" },
	{ 0 },
};

static const struct program program = {
	.name = "format",
	.words = "[DISK]",
	.text = "Makes a partition over all of a disk, and a file system in it: on the disk that is named, if it is "
		"empty,\n"
		"else on the first one that is. A disk that was formatted before is left alone, one that was not\n"
		"finished is begun anew.",
	.options = rows,
};

static bool disk_is_wanted(const struct disk *d, const struct wanted *w)
{
	return d->state == DISK_FINISHED && str_eq(d->system.type, w->type) &&
		(!*w->label || (d->system.label && str_eq(d->system.label, w->label)));
}

/* Whether an encrypted disk is what a format for that label has made, as far as its mark tells. */
static bool disk_had_label(const struct disk *d, const char *label)
{
	return d->crypt.label_known && str_eq(d->crypt.label, label);
}

static bool disk_may_be(const struct disk *d, const struct wanted *w)
{
	return d->state == DISK_ENCRYPTED && (!*w->label || !d->crypt.label_known || disk_had_label(d, w->label));
}

static int disk_named(const char *path, const struct options *o, const struct wanted *w, struct error *err)
{
	struct disk d = { 0 };
	bool exact;
	int r = -1;

	if (drive_wait(path, o->wait * 1000000, d.path, err) < 0)
		return -1;
	exact = str_eq(path, d.path); /* what a link leads to may be another disk after the next boot */
	if (!exact && !str_starts(path, LINKS_DIR "/"))
		log_info("%s: there is none: %s is taken", path, d.path);
	path = d.path;
	if (o->force && exact)
		return disk_make(path, w, o->verbose, err);
	disk_judge(&d);
	if (o->verbose)
		log_info("%s: %s", path, d.why ? d.why : "?");
	if (d.state == DISK_EMPTY || d.state == DISK_UNFINISHED) {
		r = disk_make(path, w, o->verbose, err);
	} else if (disk_is_wanted(&d, w) || disk_may_be(&d, w)) {
		log_info("%s: %s: nothing to do", path, d.why ? d.why : "it is formatted");
		r = 0;
	} else {
		error_set(err, 0, "%s: there is %s on it; -force%s would make all of that go", path,
			  d.why ? d.why : "something", exact ? "" : " and this name");
	}
	disk_free(&d);
	return r;
}

/* What a look at all disks has found. */
struct look {
	const struct wanted *w;
	struct disk *all;
	size_t n;
	const struct disk *chosen, *done; /* the one to make; one that is as wanted; NULL: none */
};

static const struct disk *disk_empty(const struct look *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->all[i].state == DISK_EMPTY)
			return &l->all[i];
	return NULL;
}

/* What was made for this label may be encrypted since then. Its mark says which label it had, and one of before does
 * not: that is taken for it, unless it is in use, since it belongs to a step before this one then. */
static const struct disk *disk_encrypted(const struct look *l)
{
	const struct disk *may = NULL;

	for (size_t i = 0; i < l->n; i++) {
		const struct disk *d = &l->all[i];

		if (!disk_may_be(d, l->w))
			continue;
		if (*l->w->label && disk_had_label(d, l->w->label))
			return d;
		if (!may && !d->in_use)
			may = d;
	}
	return may;
}

static void disk_choose(struct look *l)
{
	const struct wanted *w = l->w;

	for (size_t i = 0; i < l->n && !l->done; i++)
		if (disk_is_wanted(&l->all[i], w))
			l->done = &l->all[i];
	if (l->done && *w->label)
		return;
	for (size_t i = 0; i < l->n && !l->chosen; i++)
		if (l->all[i].state == DISK_UNFINISHED && str_eq(l->all[i].mark.label, w->label))
			l->chosen = &l->all[i];
	if (l->chosen)
		return;
	if (!l->done)
		l->done = disk_encrypted(l);
	if (!l->done || !*w->label)
		l->chosen = disk_empty(l);
}

static void look_free(struct look *l)
{
	for (size_t i = 0; i < l->n; i++)
		disk_free(&l->all[i]);
	free(l->all);
	*l = (struct look){ .w = l->w };
}

/* For drives_wait(): a disk that was begun or is as wanted may be taken at once. Where there are only empty ones, the
 * first in their order may be about to come. */
static int disks_look(void *data, struct error *err)
{
	struct look *l = data;
	_cleanup_strv_ char **names = drives_find("/sys", err);

	look_free(l);
	if (!names)
		return -1;
	l->all = calloc(strv_len(names) + 1, sizeof(*l->all));
	if (!l->all)
		return error_set(err, ENOMEM, "the disks");
	for (char **n = names; *n; n++) {
		struct disk *d = &l->all[l->n++];

		snprintf(d->path, sizeof(d->path), "/dev/%s", *n);
		disk_judge(d);
	}
	disk_choose(l);
	if (l->chosen)
		return l->chosen->state == DISK_UNFINISHED ? 1 : DRIVES_SETTLE;
	if (l->done)
		return l->done->state == DISK_FINISHED ? 1 : DRIVES_SETTLE;
	return 0;
}

/* Why none of them will do. */
static int disks_refuse(const struct disk *all, size_t n, struct error *err)
{
	_cleanup_buf_ struct buf text = { 0 };

	for (size_t i = 0; i < n; i++)
		buf_addf(&text, "%s%s: %s", i ? "; " : "", all[i].path, all[i].why ? all[i].why : "?");
	return error_set(err, 0, "no disk is empty (%s)", n ? buf_text(&text) : "there is none");
}

/* No disk is as wanted but, it may be, one that is encrypted and in use. */
static const struct disk *disk_mapped(const struct look *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (disk_may_be(&l->all[i], l->w))
			return &l->all[i];
	return NULL;
}

static int disks_auto(const struct options *o, const struct wanted *w, struct error *err)
{
	struct look l = { .w = w };
	int r = drives_wait(disks_look, &l, o->wait * 1000000, err);

	for (size_t i = 0; i < l.n && o->verbose; i++)
		log_info("%s: %s", l.all[i].path, l.all[i].why ? l.all[i].why : "?");
	if (r >= 0 && !l.chosen && !l.done)
		l.done = disk_mapped(&l);
	if (r >= 0 && l.chosen)
		r = disk_make(l.chosen->path, w, o->verbose, err);
	else if (r >= 0 && l.done)
		log_info("%s: %s: nothing to do", l.done->path, l.done->why ? l.done->why : "it is formatted");
	else if (r >= 0)
		r = disks_refuse(l.all, l.n, err);
	look_free(&l);
	return r;
}

int main(int argc, char **argv)
{
	_cleanup_error_ struct error err = { 0 }, links = { 0 };
	struct options o = { .label = "", .table = -1, .wait = WAIT_SECONDS };
	struct wanted w;
	int r;

	(void)argc;
	io_fill_standard();
	log_setup("format", LOG_LEVEL_INFO, false);
	signal(SIGPIPE, SIG_IGN);
	r = program_line(&program, argv, &o);
	if (r >= 0)
		return r;
	if (argv[1] && argv[2])
		return log_error("%s: one disk can be named, no more", argv[2]), 2;
	if (o.force && !argv[1])
		log_warn("-force: no disk is named, so only an empty one is taken");
	if (strlen(o.label) > label_most[o.type])
		return log_error("-label %s: a label of %s has at most %zu bytes", o.label, types[o.type],
				 label_most[o.type]),
		       2;
	w = (struct wanted){ .type = types[o.type],
			     .label = o.label,
			     .table = o.table == 1 ? TABLE_GPT : TABLE_DOS,
			     .table_given = o.table >= 0 };
	r = argv[1] ? disk_named(argv[1], &o, &w, &err) : disks_auto(&o, &w, &err);
	if (r == 0 && links_refresh(&links) < 0)
		log_warn("links in " LINKS_DIR ": %s", error_text(&links));
	if (r < 0)
		log_error("%s", error_text(&err));
	return r < 0 ? 1 : 0;
}
