#include "mountopt.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "beneath.h"
#include "buf.h"
#include "str.h"

#ifndef MS_NOSYMFOLLOW
#define MS_NOSYMFOLLOW 256
#endif

/* What the kernel applies to one mount point instead of to its file system. */
#define PER_MOUNT \
	(MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME | MS_RELATIME | MS_NOSYMFOLLOW)

static const struct word {
	const char *name;
	unsigned long set, clear;
	unsigned long propagation;
} words[] = {
	{ "async", .clear = MS_SYNCHRONOUS },
	{ "atime", .clear = MS_NOATIME },
	{ "bind", .set = MS_BIND },
	{ "defaults" },
	{ "dev", .clear = MS_NODEV },
	{ "diratime", .clear = MS_NODIRATIME },
	{ "dirsync", .set = MS_DIRSYNC },
	{ "exec", .clear = MS_NOEXEC },
	{ "lazytime", .set = MS_LAZYTIME },
	{ "mand", .set = MS_MANDLOCK },
	{ "noatime", .set = MS_NOATIME },
	{ "nodev", .set = MS_NODEV },
	{ "nodiratime", .set = MS_NODIRATIME },
	{ "noexec", .set = MS_NOEXEC },
	{ "nolazytime", .clear = MS_LAZYTIME },
	{ "nomand", .clear = MS_MANDLOCK },
	{ "norelatime", .clear = MS_RELATIME },
	{ "nostrictatime", .clear = MS_STRICTATIME },
	{ "nosuid", .set = MS_NOSUID },
	{ "nosymfollow", .set = MS_NOSYMFOLLOW },
	{ "private", .propagation = MS_PRIVATE },
	{ "rbind", .set = MS_BIND | MS_REC },
	{ "relatime", .set = MS_RELATIME },
	{ "remount", .set = MS_REMOUNT },
	{ "ro", .set = MS_RDONLY },
	{ "rprivate", .propagation = MS_PRIVATE | MS_REC },
	{ "rshared", .propagation = MS_SHARED | MS_REC },
	{ "rslave", .propagation = MS_SLAVE | MS_REC },
	{ "runbindable", .propagation = MS_UNBINDABLE | MS_REC },
	{ "rw", .clear = MS_RDONLY },
	{ "shared", .propagation = MS_SHARED },
	{ "slave", .propagation = MS_SLAVE },
	{ "strictatime", .set = MS_STRICTATIME },
	{ "suid", .clear = MS_NOSUID },
	{ "sync", .set = MS_SYNCHRONOUS },
	{ "unbindable", .propagation = MS_UNBINDABLE },
};

void mount_options_clear(struct mount_options *o)
{
	free(o->data);
	*o = (struct mount_options){ 0 };
}

static const struct word *word_find(const char *name)
{
	size_t i;

	for (i = 0; i < array_len(words); i++)
		if (str_eq(words[i].name, name))
			return &words[i];
	return NULL;
}

int mount_options_parse(char *const *options, struct mount_options *out, struct error *err)
{
	_cleanup_buf_ struct buf data = { 0 };
	char *const *o;

	*out = (struct mount_options){ 0 };
	for (o = options; o && *o; o++) {
		const struct word *w = word_find(*o);

		if (w) {
			out->flags = (out->flags & ~w->clear) | w->set;
			if (w->propagation)
				out->propagation = w->propagation;
		} else if (**o != '\0' && buf_addf(&data, "%s%s", data.len > 0 ? "," : "", *o) < 0) {
			return error_set(err, ENOMEM, "mount options");
		}
	}
	/* The kernel reads one page at most and would cut the rest without a word. */
	if (data.len >= 4095)
		return error_set(err, E2BIG, "mount options");
	if (data.len > 0 && !(out->data = buf_steal_text(&data)))
		return error_set(err, ENOMEM, "mount options");
	return 0;
}

/* A mount in progress: `at` is its point by name, and later the mount itself. */
struct step {
	const char *at;
	const struct mount_place *place; /* NULL: by name */
	char path[BENEATH_FD_PATH_MAX];
	int fd;
};

/* Where there is a new mount at its point now. A name that was changed meanwhile leads to no mount, which the kernel
 * says then. */
static int step_onto(struct step *s, struct error *err)
{
	if (!s->place || !*s->place->name)
		return 0;
	s->fd = openat(s->place->parent, s->place->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (s->fd < 0)
		return error_set(err, errno, "%s", s->place->shown);
	s->at = beneath_fd_path(s->path, s->fd);
	return 0;
}

static int step_apply(struct step *s, const char *shown, const char *source, const char *type,
		      const struct mount_options *o, struct error *err)
{
	unsigned long first = o->flags;
	/* A remount that only changes propagation is not one. */
	bool mounts = o->propagation == 0 || o->data || (o->flags & ~(unsigned long)MS_REMOUNT) || (type && *type);
	bool bind = (first & MS_BIND) && !(first & MS_REMOUNT), is_new = mounts && !(first & MS_REMOUNT);
	bool more = o->propagation || (bind && (o->flags & PER_MOUNT));

	if (bind)
		first &= MS_BIND | MS_REC;
	if (mounts && mount(source, s->at, type, first, o->data) < 0)
		return error_set(err, errno, "mount %s%s%s on %s", type && *type ? type : "", type && *type ? " " : "",
				 source && *source ? source : "", shown);
	if (is_new && more && step_onto(s, err) < 0)
		return -1;
	if (bind && (o->flags & PER_MOUNT) &&
	    mount(NULL, s->at, NULL, MS_REMOUNT | MS_BIND | (o->flags & PER_MOUNT), NULL) < 0) {
		error_set(err, errno, "set options of bind mount %s", shown);
		umount2(s->at, MNT_DETACH);
		return -1;
	}
	if (o->propagation && mount(NULL, s->at, NULL, o->propagation, NULL) < 0) {
		error_set(err, errno, "set propagation of %s", shown);
		if (is_new)
			umount2(s->at, MNT_DETACH);
		return -1;
	}
	return 0;
}

int mount_apply(const char *source, const char *target, const char *type, const struct mount_options *o,
		struct error *err)
{
	struct step s = { .at = target, .fd = -1 };

	return step_apply(&s, target, source, type, o, err);
}

int mount_apply_at(const char *source, const struct mount_place *place, const char *type, const struct mount_options *o,
		   struct error *err)
{
	struct step s = { .place = place, .fd = -1 };
	int r;

	s.at = beneath_fd_path(s.path, place->target);
	r = step_apply(&s, place->shown, source, type, o, err);
	cleanup_close(&s.fd);
	return r;
}
