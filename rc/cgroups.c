/* Control groups: version 2, or version 1 with linuxkit.unified_cgroup_hierarchy=0. */
#include <errno.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmdline.h"
#include "io.h"
#include "log.h"
#include "mounts.h"
#include "rc.h"
#include "str.h"

#define ROOT "/sys/fs/cgroup"

enum { STRICT = MS_NOSUID | MS_NODEV | MS_NOEXEC };

static void tree_mount(const char *source, const char *name, unsigned long flags, const char *data)
{
	_cleanup_free_ char *path = str_format(ROOT "/%s", name);

	if (!path || (mkdir(path, 0555) < 0 && errno != EEXIST)) {
		log_warn("cgroup %s: %s", name, strerror(errno));
		return;
	}
	if (mount(source, path, "cgroup", flags, data) == 0)
		return;
	/* Kernels since 6.11 list controllers whose version 1 they were built without. A folder would pass for one. */
	if (errno == EINVAL)
		log_warn("cgroup %s: this kernel has it in version 2 only", name);
	else
		log_warn("cgroup %s: %s", name, strerror(errno));
	if (rmdir(path) < 0)
		log_warn("remove %s: %s", path, strerror(errno));
}

/* One tree a controller that is enabled. /proc/cgroups has the columns name, hierarchy, number of groups, enabled. */
static int cgroups_version1(struct error *err)
{
	static const struct mount_row root = {
		"cgroup_root", ROOT, "tmpfs", STRICT, "mode=755,size=10m", MOUNT_NEEDED
	};
	_cleanup_buf_ struct buf text = { 0 };
	char *line, *rest = NULL;

	if (mount_row_apply(&root, err) < 0 || file_read("/proc/cgroups", 65536, &text, err) < 0)
		return -1;
	for (line = strtok_r((char *)buf_text(&text), "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		char *tab = strchr(line, '\t');

		if (line[0] == '#' || !tab || !str_ends(line, "\t1"))
			continue;
		*tab = '\0';
		tree_mount(line, line, STRICT, line);
	}
	/* Kernels without the switch account by hierarchy always. */
	file_poke(ROOT "/memory/memory.use_hierarchy", "1", NULL);
	/* Many programs look for the tree that systemd has. */
	tree_mount("cgroup", "systemd", 0, "none,name=systemd");
	return 0;
}

int rc_cgroups(struct rc *rc, struct error *err)
{
	static const struct mount_row unified = { "cgroup2", ROOT, "cgroup2", STRICT, NULL, MOUNT_NEEDED };

	if (cmdline_has(buf_text(&rc->cmdline), "linuxkit.unified_cgroup_hierarchy=0"))
		return cgroups_version1(err);
	return mount_row_apply(&unified, err);
}
