#include "tpm.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "spawn.h"
#include "str.h"
#include "toollog.h"

enum { CONTROL_FD = 3 };

static const char folder[] = "tpm";

/* The TPM's secrets: the folder is the user's own, and nobody else's. The descriptor is none of those that swtpm gets
 * in its place: it is still needed then. */
static int folder_open(const struct state *state, bool *made, struct error *err)
{
	_cleanup_close_ int fd = -1;
	struct stat st;
	int high;

	*made = mkdirat(state->fd, folder, 0700) == 0;
	if (!*made && errno != EEXIST)
		return error_set(err, errno, "%s/%s", state->dir, folder);
	fd = openat(state->fd, folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_set(err, errno, "%s/%s", state->dir, folder);
	if (st.st_uid != geteuid())
		return error_set(err, EPERM, "%s/%s belongs to another user", state->dir, folder);
	if ((st.st_mode & 077) && fchmod(fd, 0700) < 0)
		return error_set(err, errno, "%s/%s", state->dir, folder);
	high = fcntl(fd, F_DUPFD_CLOEXEC, CONTROL_FD + 1);
	return high < 0 ? error_set(err, errno, "%s/%s", state->dir, folder) : high;
}

static int swtpm_start(const char *program, const struct state *state, struct tpm *t, struct error *err)
{
	_cleanup_close_ int dir = folder_open(state, &t->made, err), theirs = -1;
	_cleanup_free_ char *cwd = dir < 0 ? NULL : str_format("/proc/self/fd/%d", dir);
	/* It works in the folder, whose path may have what its option list cannot say. */
	char *argv[] = { (char *)program,
			 (char *)"socket",
			 (char *)"--tpm2",
			 (char *)"--tpmstate",
			 (char *)"dir=.",
			 (char *)"--ctrl",
			 (char *)"type=unixio,clientfd=3",
			 (char *)"--terminate",
			 NULL };
	int pair[2];

	if (!cwd)
		return dir < 0 ? -1 : error_set(err, ENOMEM, "swtpm");
	t->log = toollog_open(err);
	if (t->log < 0)
		return -1;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return error_set(err, errno, "swtpm's socket");
	t->fd = pair[0];
	theirs = pair[1];

	struct spawn_fd fds[] = { { theirs, CONTROL_FD }, { t->log, 1 }, { t->log, 2 } };
	struct spawn s = {
		.path = program,
		.argv = argv,
		.cwd = cwd,
		.fds = fds,
		.fd_count = array_len(fds),
		.new_group = true, /* Ctrl-C at the terminal is for the machine */
		.death_signal = SIGTERM,
		.no_new_privileges = true,
	};
	pid_t pid = spawn(&s, err);

	t->pid = pid > 0 ? pid : 0;
	return pid < 0 ? -1 : 0;
}

int tpm_start(const char *program, const struct state *state, struct tpm *out, struct error *err)
{
	*out = (struct tpm)TPM_INIT;
	return swtpm_start(program, state, out, err) < 0 ? error_wrap(err, "--tpm") : 0;
}

void tpm_undo(const struct tpm *t, const struct state *state)
{
	int fd = t->made ? openat(state->fd, folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
	_cleanup_closedir_ DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;

	if (fd >= 0 && !d)
		close(fd);
	while (d && (e = readdir(d)))
		if (!str_eq(e->d_name, ".") && !str_eq(e->d_name, ".."))
			unlinkat(dirfd(d), e->d_name, 0);
	if (t->made)
		unlinkat(state->fd, folder, AT_REMOVEDIR);
}

void tpm_clear(struct tpm *t)
{
	if (t->fd >= 0)
		close(t->fd);
	if (t->log >= 0)
		close(t->log);
	*t = (struct tpm)TPM_INIT;
}
