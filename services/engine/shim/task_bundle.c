#include "task_bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "io.h"
#include "str.h"

enum { DIR_MODE = 0711 };

/* Not file_write(): what is on a temporary file system needs no fsync. */
static int bundle_file(const char *bundle, const char *name, const void *data, size_t n, struct error *err)
{
	_cleanup_free_ char *path = str_format("%s/%s", bundle, name);
	_cleanup_close_ int fd = path ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600) : -1;

	if (fd < 0 || io_write(fd, data, n) < 0)
		return error_set(err, path ? errno : ENOMEM, "%s/%s", bundle, name);
	return 0;
}

static int bundle_fill(const struct task_place *at, const char *bundle, const char *work, const char *spec,
		       struct error *err)
{
	_cleanup_free_ char *rootfs = str_format("%s/rootfs", bundle), *link = str_format("%s/work", bundle),
			    *log = str_format("%s/log", bundle);

	if (!rootfs || !link || !log)
		return error_set(err, ENOMEM, "%s", bundle);
	if (dir_make(work, DIR_MODE, err) < 0 || dir_make(rootfs, DIR_MODE, err) < 0)
		return -1;
	if (symlink(work, link) < 0 || mkfifo(log, 0700) < 0)
		return error_set(err, errno, "%s", bundle);
	if (bundle_file(bundle, "config.json", spec, strlen(spec), err) < 0 ||
	    bundle_file(bundle, "shim-binary-path", at->shim, strlen(at->shim), err) < 0)
		return -1;
	return bundle_file(bundle, "unrecorded", "", 0, err);
}

int task_bundle_make(const struct task_place *at, const char *namespace, const char *id, const char *spec,
		     struct error *err)
{
	_cleanup_free_ char *dir = str_format("%s/%s", at->state, namespace),
			    *bundle = str_format("%s/%s/%s", at->state, namespace, id),
			    *work = str_format("%s/%s/%s", at->root, namespace, id);

	if (!dir || !bundle || !work)
		return error_set(err, ENOMEM, "%s", id);
	if (dir_make(dir, DIR_MODE, err) < 0)
		return -1;
	if (mkdir(bundle, 0700) < 0)
		return error_set(err, errno, "%s", bundle);
	if (bundle_fill(at, bundle, work, spec, err) == 0)
		return 0;
	dir_remove(bundle, NULL);
	return -1;
}

int task_bundle_answer(const char *bundle, const struct buf *answer, struct error *err)
{
	const char *text = buf_text(answer);

	return bundle_file(bundle, text[0] == '{' ? "bootstrap.json" : "address", text, answer->len, err);
}

int task_bundle_remove(const struct task_place *at, const char *namespace, const char *id, struct error *err)
{
	_cleanup_free_ char *bundle = str_format("%s/%s/%s", at->state, namespace, id),
			    *rootfs = str_format("%s/%s/%s/rootfs", at->state, namespace, id),
			    *work = str_format("%s/%s/%s", at->root, namespace, id);

	if (!bundle || !rootfs || !work)
		return error_set(err, ENOMEM, "%s", id);
	umount2(rootfs, MNT_DETACH | UMOUNT_NOFOLLOW); /* of a service that has none it fails */
	dir_remove(work, NULL);
	return dir_remove(bundle, err);
}

bool task_bundle_unrecorded(const char *bundle)
{
	_cleanup_free_ char *path = str_format("%s/unrecorded", bundle);

	return path && access(path, F_OK) == 0;
}

void task_bundle_recorded(const char *bundle)
{
	_cleanup_free_ char *path = str_format("%s/unrecorded", bundle);

	if (path)
		unlink(path);
}
