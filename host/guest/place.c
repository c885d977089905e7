#include "place.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "paths.h"
#include "state.h"
#include "str.h"
#include "unixsock.h"

/* Without KVM, and on a busy host, a boot takes half of it. */
enum { BOOT_SECONDS = 60 };

/* Every state directory has a MAC address in it. */
bool place_is_state(const char *dir)
{
	_cleanup_free_ char *path = str_format("%s/mac-addr", dir);

	return path && access(path, F_OK) == 0;
}

/* The state directory of `pith machine create NAME`. */
static char *place_named(const char *name)
{
	_cleanup_free_ char *all = path_machines(NULL);

	return all ? str_format("%s/%s/state", all, name) : NULL;
}

/* Whether `pith machine` has it; it may never have been started. */
static bool place_is_named(const char *name)
{
	_cleanup_free_ char *all = path_machines(NULL),
			    *file = all ? str_format("%s/%s/settings.json", all, name) : NULL;

	return file && access(file, F_OK) == 0;
}

char *place_find(const char *name, struct error *err)
{
	_cleanup_free_ char *dir = strdup(name), *named = NULL, *of_name = NULL;
	size_t n = dir ? strlen(dir) : 0;

	while (n > 1 && dir[n - 1] == '/')
		dir[--n] = '\0';
	named = dir ? str_format("%s-state", dir) : NULL;
	if (!named) {
		error_set(err, ENOMEM, "machine");
		return NULL;
	}
	if (place_is_state(dir))
		return steal_ptr(&dir);
	if (place_is_state(named))
		return steal_ptr(&named);
	of_name = strchr(name, '/') ? NULL : place_named(name);
	if (of_name && place_is_state(of_name))
		return steal_ptr(&of_name);
	if (of_name && place_is_named(name)) {
		error_set(err, 0, "the machine %s was never started: `pith machine start %s` starts it", name, name);
		return NULL;
	}
	error_set(err, 0, "no machine '%s': neither %s nor %s is a machine's state directory", name, dir, named);
	return NULL;
}

int place_connect(const char *dir, struct error *err)
{
	_cleanup_close_ int dirfd = state_directory(dir, err), process = -1;
	struct sockaddr_un address;
	char name[24];
	int fd;

	snprintf(name, sizeof(name), "guest.%08" PRIx32, (uint32_t)AGENT_PORT);
	if (dirfd < 0)
		return -1;
	if (unixsock_address(&address, dirfd, dir, name) < 0)
		return error_set(err, errno, "%s", dir);
	fd = unixsock_connect(&address, SOCK_STREAM);
	if (fd >= 0)
		return fd;
	if (errno != ENOENT && errno != ECONNREFUSED)
		return error_set(err, errno, "%s/%s", dir, name);
	process = state_process(dir, err);
	if (process < 0)
		return -1;
	return error_set(err, 0, "the machine of %s was started without a vsock device (--vsock-ports none)", dir);
}

int place_silent(const char *dir, struct error *err)
{
	_cleanup_close_ int process = state_process(dir, err);

	if (process < 0)
		return -1;
	return error_set(err, 0,
			 "no agent answers in the machine of %s: its init image has none, or it is still booting "
			 "(its console shows, or %s/console.log)",
			 dir, dir);
}

unsigned place_patience(const char *dir)
{
	const char *wish = getenv("PITH_WAIT");
	uint64_t age, most = BOOT_SECONDS;
	pid_t pid;

	if (wish && str_to_u64(wish, UINT32_MAX, &most) < 0)
		most = BOOT_SECONDS;
	if (state_owner(dir, &pid, &age, NULL) < 0 || age >= most)
		return 0;
	return (unsigned)(most - age);
}
