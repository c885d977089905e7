#include "place.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#include "agent.h"
#include "io.h"
#include "str.h"
#include "unixsock.h"

/* Every state directory has a MAC address in it. */
static bool is_state(const char *dir)
{
	_cleanup_free_ char *path = str_format("%s/mac-addr", dir);

	return path && access(path, F_OK) == 0;
}

char *place_find(const char *name, struct error *err)
{
	_cleanup_free_ char *dir = strdup(name), *named = NULL;
	size_t n = dir ? strlen(dir) : 0;

	while (n > 1 && dir[n - 1] == '/')
		dir[--n] = '\0';
	named = dir ? str_format("%s-state", dir) : NULL;
	if (!named) {
		error_set(err, ENOMEM, "machine");
		return NULL;
	}
	if (is_state(dir))
		return steal_ptr(&dir);
	if (is_state(named))
		return steal_ptr(&named);
	error_set(err, 0, "no machine '%s': neither %s nor %s is a machine's state directory", name, dir, named);
	return NULL;
}

static int not_running(const char *dir, struct error *err)
{
	return error_set(err, 0, "the machine of %s is not running", dir);
}

pid_t place_pid(const char *dir, struct error *err)
{
	_cleanup_free_ char *path = str_format("%s/pith.pid", dir), *line = path ? file_line(path, NULL) : NULL;
	_cleanup_close_ int fd = -1;
	uint64_t pid = 0;

	if (!line || str_to_u64(line, INT32_MAX, &pid) < 0 || pid == 0)
		return not_running(dir, err);
	/* A machine that was killed leaves the file behind, but not the lock. */
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_set(err, errno, "%s", dir);
	if (flock(fd, LOCK_SH | LOCK_NB) == 0)
		return not_running(dir, err);
	return (pid_t)pid;
}

int place_connect(const char *dir, struct error *err)
{
	_cleanup_close_ int dirfd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct sockaddr_un address;
	char name[24];
	int fd;

	snprintf(name, sizeof(name), "guest.%08" PRIx32, (uint32_t)AGENT_PORT);
	if (dirfd < 0 || unixsock_address(&address, dirfd, dir, name) < 0)
		return error_set(err, errno, "%s", dir);
	fd = unixsock_connect(&address, SOCK_STREAM);
	if (fd >= 0)
		return fd;
	if (errno != ENOENT && errno != ECONNREFUSED)
		return error_set(err, errno, "%s/%s", dir, name);
	if (place_pid(dir, err) < 0)
		return -1;
	return error_set(err, 0, "the machine of %s was started without a vsock device (--vsock-ports none)", dir);
}

int place_silent(const char *dir, struct error *err)
{
	if (place_pid(dir, err) < 0)
		return -1;
	return error_set(err, 0,
			 "no agent answers in the machine of %s: its init image has none, or it is still booting", dir);
}
