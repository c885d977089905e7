/* format: makes a disk ready, once. With no disk named the first one that is empty is taken.
 *
 * A boot may end at any moment, and the next one finds out by itself what is left to do (make.c). What holds data is
 * never touched without -force. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "format.h"
#include "io.h"
#include "log.h"
#include "program.h"
#include "str.h"

#define WAIT_US 10000000 /* for a disk that is named and not there yet */

struct options {
	bool force, verbose;
	const char *label;
	int type, table; /* table: -1 is not given */
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

static int disk_named(const char *path, const struct options *o, const struct wanted *w, struct error *err)
{
	struct disk d = { 0 };
	int r = -1;

	if (drive_wait(path, WAIT_US, d.path, err) < 0)
		return -1;
	path = d.path;
	if (o->force)
		return disk_make(path, w, o->verbose, err);
	disk_judge(&d);
	if (o->verbose)
		log_info("%s: %s", path, d.why ? d.why : "?");
	if (d.state == DISK_EMPTY || d.state == DISK_UNFINISHED) {
		r = disk_make(path, w, o->verbose, err);
	} else if (disk_is_wanted(&d, w)) {
		log_info("%s: %s: nothing to do", path, d.why ? d.why : "it is formatted");
		r = 0;
	} else {
		error_set(err, 0, "%s: there is %s on it; -force would make all of that go", path,
			  d.why ? d.why : "something");
	}
	disk_free(&d);
	return r;
}

/* The one to make; NULL: none. done: a disk that is as wanted. */
static const struct disk *disk_choose(const struct disk *all, size_t n, const struct wanted *w,
				      const struct disk **done)
{
	*done = NULL;
	for (size_t i = 0; i < n && !*done; i++)
		if (disk_is_wanted(&all[i], w))
			*done = &all[i];
	if (*done && *w->label)
		return NULL;
	for (size_t i = 0; i < n; i++)
		if (all[i].state == DISK_UNFINISHED && str_eq(all[i].mark.label, w->label))
			return &all[i];
	for (size_t i = 0; i < n; i++)
		if (all[i].state == DISK_EMPTY)
			return &all[i];
	return NULL;
}

/* Why none of them will do. */
static int disks_refuse(const struct disk *all, size_t n, struct error *err)
{
	_cleanup_buf_ struct buf text = { 0 };

	for (size_t i = 0; i < n; i++)
		buf_addf(&text, "%s%s: %s", i ? "; " : "", all[i].path, all[i].why ? all[i].why : "?");
	return error_set(err, 0, "no disk is empty (%s)", n ? buf_text(&text) : "there is none");
}

static int disks_auto(const struct options *o, const struct wanted *w, struct error *err)
{
	_cleanup_strv_ char **names = drives_find("/sys", err);
	size_t n = names ? strv_len(names) : 0;
	_cleanup_free_ struct disk *all = calloc(n + 1, sizeof(*all));
	const struct disk *chosen, *done;
	int r;

	if (!names || !all)
		return names ? error_set(err, 0, "no memory") : -1;
	for (size_t i = 0; i < n; i++) {
		snprintf(all[i].path, sizeof(all[i].path), "/dev/%s", names[i]);
		disk_judge(&all[i]);
		if (o->verbose)
			log_info("%s: %s", all[i].path, all[i].why ? all[i].why : "?");
	}
	chosen = disk_choose(all, n, w, &done);
	if (chosen) {
		r = disk_make(chosen->path, w, o->verbose, err);
	} else if (done) {
		log_info("%s: %s: nothing to do", done->path, done->why ? done->why : "it is formatted");
		r = 0;
	} else {
		r = disks_refuse(all, n, err);
	}
	for (size_t i = 0; i < n; i++)
		disk_free(&all[i]);
	return r;
}

int main(int argc, char **argv)
{
	_cleanup_error_ struct error err = { 0 };
	struct options o = { .label = "", .table = -1 };
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
	if (r < 0)
		log_error("%s", error_text(&err));
	return r < 0 ? 1 : 0;
}
