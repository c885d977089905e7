#include "device_confine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "confine.h"
#include "fifos.h"
#include "io.h"
#include "log.h"
#include "str.h"

static const struct confine_call calls[] = {
	/* the loop, which looks by itself for a while */
	{ SYS_timerfd_settime },
	{ SYS_sched_yield },
	{ SYS_ppoll },
	/* streams */
	{ SYS_splice },
	{ SYS_shutdown },
	{ SYS_ioctl, 2, FIONREAD },
	/* connections: Unix sockets alone */
	{ SYS_accept4 },
	{ SYS_socket, 1, AF_UNIX },
	{ SYS_socketpair, 1, AF_UNIX },
	{ SYS_connect },
	{ SYS_setsockopt },
	{ SYS_fcntl },
	{ SYS_dup3 },
	{ SYS_prlimit64 },
	{ SYS_geteuid },
	/* sockets and fifos by name: which ones, confine_files() says */
	{ SYS_openat },
	{ SYS_openat2 },
	{ SYS_newfstatat },
	{ SYS_fstat },
	{ SYS_unlinkat },
	/* memory of the guest */
	{ SYS_memfd_create },
	{ SYS_ftruncate },
	/* the C library */
	{ SYS_futex },
	{ SYS_getrandom },
	{ SYS_rt_sigaction },
	{ SYS_tgkill },
#ifdef SYS_open /* older architectures have these beside the ones above */
	{ SYS_open },
	{ SYS_unlink },
	{ SYS_poll },
	{ SYS_getrlimit },
#endif
};

enum { DIRS_MAX = 64 };

struct dirs {
	struct confine_dir list[DIRS_MAX];
	size_t count;
};

static int dir_add(struct dirs *d, const char *path, unsigned access, struct error *err)
{
	int fd = d->count < DIRS_MAX ? open(path, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;

	if (fd < 0)
		return error_set(err, d->count < DIRS_MAX ? errno : E2BIG, "%s", path);
	d->list[d->count++] = (struct confine_dir){ fd, access };
	return 0;
}

/* Where a socket is that is removed at the end. */
static int parent_add(struct dirs *d, const char *path, struct error *err)
{
	const char *slash = strrchr(path, '/');
	_cleanup_free_ char *dir = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");

	return dir ? dir_add(d, dir, CONFINE_REMOVE, err) : error_set(err, ENOMEM, "%s", path);
}

/* A client of containerd makes its folder when it first needs it, which would be too late. */
static void default_folder_make(void)
{
	if (geteuid() == 0 && dir_make("/run/containerd", 0711, NULL) == 0)
		(void)!dir_make(FIFOS_DEFAULT, 0700, NULL); /* else it is missing below */
}

static int folders_add(struct dirs *d, char *const *folders, struct error *err)
{
	default_folder_make();
	for (; folders && *folders; folders++) {
		_cleanup_error_ struct error e = { 0 };

		if (dir_add(d, *folders, CONFINE_READ | CONFINE_WRITE, &e) == 0)
			continue;
		if (e.code == E2BIG)
			return error_move(err, &e);
		if (!str_eq(*folders, FIFOS_DEFAULT))
			log_warn("vsock: fifos of %s: the guest cannot have them", error_text(&e));
	}
	return 0;
}

static int dirs_find(struct dirs *d, const struct vsock_confine *c, struct error *err)
{
	if (dir_add(d, c->state, CONFINE_READ | CONFINE_WRITE | CONFINE_REMOVE, err) < 0)
		return -1;
	if ((c->socket && parent_add(d, c->socket, err) < 0) || (c->hybrid && parent_add(d, c->hybrid, err) < 0))
		return -1;
	return folders_add(d, c->fifo_folders, err);
}

int vsock_confine(const struct vsock_confine *c, struct error *err)
{
	struct dirs d = { 0 };
	int files = dirs_find(&d, c, err), filter = -1;

	if (files == 0)
		files = confine_files(d.list, d.count, CONFINE_TCP_NONE, err);
	while (d.count > 0)
		close(d.list[--d.count].fd);
	if (files >= 0)
		filter = confine_calls(calls, array_len(calls), err);
	if (files > 0 || filter > 0)
		log_debug("vsock: this kernel has no %s", files > 0 ? "Landlock" : "filter of system calls");
	return files < 0 || filter < 0 ? -1 : 0;
}
