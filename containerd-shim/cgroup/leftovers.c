#include "leftovers.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "str.h"

int leftovers_cgroups(const char *cgroups_path, const char *id, struct cgroups *out, struct error *err)
{
	_cleanup_cgroups_ struct cgroups own = { 0 };
	const char *path = cgroups_path && *cgroups_path ? cgroups_path : id;

	*out = (struct cgroups){ 0 };
	/* slice:prefix:name, or something that leads elsewhere */
	if (strchr(path, ':') || strstr(path, ".."))
		return 0;
	if (cgroups_of(getpid(), &own, err) < 0)
		return -1;
	out->unified = own.unified;
	for (char **d = own.dirs; d && d[0] && d[1]; d += 2) {
		/* An absolute path starts at the tree's root, another one at our own group. */
		size_t root = own.unified ? strlen("/sys/fs/cgroup") : strlen("/sys/fs/cgroup/") + strlen(d[0]);
		size_t n = *path == '/' ? root : strlen(d[1]);

		if (n > strlen(d[1]))
			continue;
		while (n > 0 && d[1][n - 1] == '/')
			n--;
		if (strv_add(&out->dirs, d[0]) < 0 ||
		    strv_addf(&out->dirs, "%.*s%s%s", (int)n, d[1], *path == '/' ? "" : "/", path) < 0) {
			cgroups_clear(out);
			return error_set(err, ENOMEM, "control groups");
		}
	}
	/* Beside version 1 there may be a unified tree without controllers, which runtimes fill too. */
	if (!own.unified && access("/sys/fs/cgroup/unified", F_OK) == 0 &&
	    (strv_add(&out->dirs, "unified") < 0 ||
	     strv_addf(&out->dirs, "/sys/fs/cgroup/unified%s%s", *path == '/' ? "" : "/", path) < 0)) {
		cgroups_clear(out);
		return error_set(err, ENOMEM, "control groups");
	}
	return 0;
}

static int kill_one(pid_t pid, void *data)
{
	(void)data;
	if (pid != getpid())
		kill(pid, SIGKILL);
	return 0;
}

int leftovers_remove(const struct cgroups *groups)
{
	_cleanup_cgroups_ struct cgroups own = { 0 };
	int left = 0;

	if (cgroups_of(getpid(), &own, NULL) < 0 || !cgroups_apart(groups, &own))
		return 0;
	for (char **d = groups->dirs; d && d[0] && d[1]; d += 2) {
		if (!cgroups_path_is_safe(d[1]))
			continue;
		cgroups_each_pid(d[1], kill_one, NULL);
		if (cgroups_remove(d[1]) < 0)
			left++;
	}
	return left;
}
