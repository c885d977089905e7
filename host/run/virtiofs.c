#include "virtiofs.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spawn.h"
#include "str.h"
#include "toollog.h"
#include "unixsock.h"

enum { LISTEN_FD = 3 };

static char *beside_qemu(const char *qemu)
{
	const char *slash = strrchr(qemu, '/');

	return slash ? str_format("%.*s/../lib/qemu/virtiofsd", (int)(slash - qemu), qemu) : NULL;
}

char *virtiofs_find(const char *asked, const char *qemu, struct error *err)
{
	static const char *const places[] = {
		"/usr/libexec/virtiofsd", /* Debian 13 */
		"/usr/lib/qemu/virtiofsd",
		"/usr/local/libexec/virtiofsd",
		"/usr/local/lib/qemu/virtiofsd",
	};
	_cleanup_free_ char *beside = beside_qemu(qemu);
	const char *found = NULL;
	char *copy;
	size_t i;

	if (asked && access(asked, X_OK) < 0) {
		error_set(err, errno, "--virtiofsd %s", asked);
		return NULL;
	}
	if (asked)
		found = asked;
	else if (beside && access(beside, X_OK) == 0)
		found = beside;
	for (i = 0; !found && i < array_len(places); i++)
		if (access(places[i], X_OK) == 0)
			found = places[i];
	if (!found) {
		error_set(err, 0,
			  "--virtiofs: virtiofsd is not installed: apt-get install virtiofsd (Debian 12: "
			  "qemu-system-common), or name it with --virtiofsd");
		return NULL;
	}
	copy = strdup(found);
	if (!copy)
		error_set(err, ENOMEM, "--virtiofs");
	return copy;
}

int virtiofs_check(const char *directory, char **path, struct error *err)
{
	struct stat st;

	*path = realpath(directory, NULL);
	if (!*path || stat(*path, &st) < 0)
		return error_set(err, errno, "--virtiofs %s", directory);
	if (!S_ISDIR(st.st_mode))
		return error_set(err, ENOTDIR, "--virtiofs %s", directory);
	/* Its versions do not agree on how to write one in their option list. */
	if (strchr(*path, ','))
		return error_set(err, 0, "--virtiofs %s: virtiofsd takes no path with a comma in it: rename it", *path);
	return 0;
}

/* The two ends of a socket, of which one listens and the other is connected already: nobody has to wait until the
 * program is there, and no name is left that another process could connect to. */
static int connect_pair(const struct state *state, int *listener, int *connection, struct error *err)
{
	static const char name[] = "virtiofsd.sock";
	_cleanup_free_ char *path = state_path(state, name, err);
	struct sockaddr_un address;

	if (!path)
		return -1;
	if (unixsock_address(&address, state->fd, state->dir, name) < 0)
		return error_set(err, errno, "%s", path);
	*listener = unixsock_listen(&address, SOCK_STREAM, 1, err);
	if (*listener < 0)
		return -1;
	*connection = unixsock_connect(&address, SOCK_STREAM);
	if (*connection < 0)
		error_set(err, errno, "connect to %s", path);
	unlink(path); /* what remains after a failure is replaced by the next machine */
	return *connection < 0 ? -1 : 0;
}

static int virtiofsd_start(const char *program, const char *path, const struct state *state, struct virtiofs *v,
			   struct error *err)
{
	_cleanup_free_ char *source = str_format("source=%s", path);
	_cleanup_free_ char *socket = str_format("--fd=%d", LISTEN_FD);
	_cleanup_close_ int listener = -1;
	char *argv[] = { (char *)program, socket, (char *)"-o", source, NULL };

	if (!source || !socket)
		return error_set(err, ENOMEM, "virtiofsd");
	v->log = toollog_open(err);
	if (v->log < 0 || connect_pair(state, &listener, &v->fd, err) < 0)
		return -1;
	if (fcntl(listener, F_SETFL, 0) < 0) /* it waits on it */
		return error_set(err, errno, "virtiofsd's socket");

	struct spawn_fd fds[] = { { listener, LISTEN_FD }, { v->log, 1 }, { v->log, 2 } };
	struct spawn s = {
		.path = program,
		.argv = argv,
		.fds = fds,
		.fd_count = array_len(fds),
		.new_group = true, /* Ctrl-C at the terminal is for the machine */
		.death_signal = SIGTERM,
	};

	v->pid = spawn(&s, err);
	if (v->pid < 0) {
		v->pid = 0;
		return -1;
	}
	return 0;
}

int virtiofs_start(const char *program, const char *path, const struct state *state, unsigned index,
		   struct virtiofs *out, struct error *err)
{
	*out = (struct virtiofs){ .fd = -1, .log = -1, .name = str_format("virtiofs%u (%s)", index, program) };
	if (!out->name)
		return error_set(err, ENOMEM, "virtiofsd");
	return virtiofsd_start(program, path, state, out, err) < 0 ? error_wrap(err, "--virtiofs %s", path) : 0;
}

void virtiofs_clear(struct virtiofs *v)
{
	free(v->name);
	if (v->fd >= 0)
		close(v->fd);
	if (v->log >= 0)
		close(v->log);
	*v = (struct virtiofs){ .fd = -1, .log = -1 };
}
