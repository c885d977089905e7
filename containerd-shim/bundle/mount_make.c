#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "loopdev.h"
#include "mount_private.h"
#include "mountopt.h"
#include "rootfs.h"

enum { DATA_MAX = 3584 }; /* of mount(2)'s page, as containerd leaves room too */

static size_t options_size(char *const *options)
{
	size_t n = 0;

	for (char *const *o = options; *o; o++)
		n += strlen(*o) + 1;
	return n;
}

/* The paths are looked up from the directory that we are in: single-threaded, we can go there and back. */
static int mount_compacted(const struct mount_prepared *p, const char *target, struct error *err)
{
	_cleanup_mount_options_ struct mount_options parsed = { 0 };
	_cleanup_close_ int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	_cleanup_free_ char *dir = NULL;
	_cleanup_strv_ char **shorter = NULL;
	int r;

	if (here < 0)
		return error_set(err, errno, "working directory");
	if (rootfs_compact(p->options, &dir, &shorter, err) < 0)
		return -1;
	if (!dir)
		return error_set(err, E2BIG, "mount options");
	if (mount_options_parse(shorter, &parsed, err) < 0)
		return -1;
	if (chdir(dir) < 0)
		return error_set(err, errno, "%s", dir);
	r = mount_apply(p->source, target, p->type, &parsed, err);
	if (fchdir(here) < 0 && r == 0)
		r = error_set(err, errno, "working directory");
	return r;
}

static int mount_loop(const struct mount_prepared *p, const char *target, const struct mount_options *o,
		      struct error *err)
{
	char device[LOOPDEV_NAME];
	_cleanup_close_ int fd = loopdev_attach(p->source, (o->flags & MS_RDONLY) != 0, device, err);

	return fd < 0 ? -1 : mount_apply(device, target, p->type, o, err);
}

int mount_make(const struct mount_prepared *p, const char *target, struct error *err)
{
	_cleanup_mount_options_ struct mount_options parsed = { 0 };

	if (str_eq(p->type, "overlay") && p->options && options_size(p->options) > DATA_MAX)
		return mount_compacted(p, target, err);
	if (mount_options_parse(p->options, &parsed, err) < 0)
		return -1;
	/* A bind mount's type is only a name. */
	return p->loop ? mount_loop(p, target, &parsed, err) : mount_apply(p->source, target, p->type, &parsed, err);
}
