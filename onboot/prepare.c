#include "prepare.h"

#include <errno.h>
#include <string.h>
#include <sys/mount.h>

#include "cgroup.h"
#include "io.h"
#include "mountopt.h"
#include "rtnetlink.h"
#include "str.h"

void bundle_clear(struct bundle *b)
{
	free(b->path);
	oci_runtime_clear(&b->runtime);
	oci_config_clear(&b->config);
	*b = (struct bundle){ 0 };
}

static int file_load(const char *dir, const char *name, struct buf *out, struct error *err)
{
	_cleanup_free_ char *path = str_format("%s/%s", dir, name);

	return path ? file_read(path, OCI_FILE_MAX, out, err) : error_set(err, ENOMEM, "%s", name);
}

int bundle_load(const char *path, struct bundle *out, struct error *err)
{
	_cleanup_bundle_ struct bundle b = { .path = strdup(path) };
	_cleanup_buf_ struct buf config = { 0 }, runtime = { 0 };
	_cleanup_error_ struct error why = { 0 };

	if (!b.path)
		return error_set(err, ENOMEM, "%s", path);
	if (file_load(path, "config.json", &config, err) < 0)
		return -1;
	if (oci_config_parse(config.data, config.len, &b.config, err) < 0)
		return error_wrap(err, "%s/config.json", path);
	if (file_load(path, "runtime.json", &runtime, &why) < 0) {
		if (why.code != ENOENT)
			return error_move(err, &why);
	} else if (oci_runtime_parse(runtime.data, runtime.len, &b.runtime, err) < 0) {
		return error_wrap(err, "%s/runtime.json", path);
	}
	*out = b;
	b = (struct bundle){ 0 };
	return 0;
}

/* Relative paths are below the container's root file system. */
static char *place(const struct bundle *b, const char *path, struct error *err)
{
	char *full = path[0] == '/' ? strdup(path) : str_format("%s/rootfs/%s", b->path, path);

	if (!full)
		error_set(err, ENOMEM, "%s", path);
	return full;
}

/* An overlay's writable directories are on a file system that is empty until now. */
static int overlay_directories(const struct oci_mount *m, struct error *err)
{
	char *const *o;

	for (o = m->options; o && *o; o++) {
		const char *dir = strchr(*o, '=');

		if ((str_starts(*o, "upperdir=") || str_starts(*o, "workdir=")) && dir_make(dir + 1, 0755, err) < 0)
			return -1;
	}
	return 0;
}

static int mount_one(const struct bundle *b, const struct oci_mount *m, struct error *err)
{
	_cleanup_mount_options_ struct mount_options options = { 0 };
	_cleanup_free_ char *target = place(b, m->destination, err);

	if (!target || dir_make(target, 0755, err) < 0 || overlay_directories(m, err) < 0 ||
	    mount_options_parse(m->options, &options, err) < 0)
		return -1;
	return mount_apply(m->source, target, m->type, &options, err);
}

static bool is_new_mount(const struct oci_mount *m)
{
	return !m->options || !strv_has(m->options, "remount");
}

static bool is_inside(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return strncmp(path, dir, n) == 0 && path[n] == '/';
}

static void undo_from(const struct bundle *b, size_t count)
{
	while (count-- > 0) {
		const struct oci_mount *m = &b->runtime.mounts[count];
		_cleanup_free_ char *target = place(b, m->destination, NULL);

		/* Busy means that somebody else still needs it: it stays then. */
		if (target && is_new_mount(m) && is_inside(target, b->path))
			umount2(target, UMOUNT_NOFOLLOW);
	}
}

int prepare_filesystem(const struct bundle *b, struct error *err)
{
	const struct oci_runtime *r = &b->runtime;
	char *const *p;
	size_t i;

	for (i = 0; i < r->mount_count; i++) {
		if (mount_one(b, &r->mounts[i], err) < 0) {
			undo_from(b, i);
			return -1;
		}
	}
	for (p = r->mkdir; p && *p; p++) {
		_cleanup_free_ char *dir = place(b, *p, err);

		if (!dir || dir_make(dir, 0755, err) < 0) {
			undo_from(b, r->mount_count);
			return -1;
		}
	}
	for (p = r->cgroups; p && *p; p++) {
		if (cgroup_make(*p, err) < 0) {
			undo_from(b, r->mount_count);
			return -1;
		}
	}
	return 0;
}

/* `createInRoot` matters to links that remember where they were made (a wireguard keeps its socket there): made
 * here, then moved. Without it the link never exists outside, so that its name may be taken there. */
static int interface_place(int fd, const struct oci_interface *i, pid_t pid, struct error *err)
{
	struct rtnl_link link = { .name = i->name, .kind = i->add, .netns_pid = i->create_in_root ? 0 : pid };

	if (!i->add)
		return rtnl_link_move(fd, i->name, pid, err);
	if (str_eq(i->add, "veth"))
		link.peer = i->peer;
	if (rtnl_link_add(fd, &link, err) < 0)
		return -1;
	if (!i->create_in_root)
		return 0;
	if (rtnl_link_move(fd, i->name, pid, err) < 0) {
		rtnl_link_delete(fd, i->name, NULL);
		return -1;
	}
	return 0;
}

int prepare_process(const struct bundle *b, pid_t pid, struct error *err)
{
	const struct oci_runtime *r = &b->runtime;
	_cleanup_close_ int fd = -1;
	size_t i;

	if (r->interface_count > 0 && (fd = rtnl_open(err)) < 0)
		return -1;
	for (i = 0; i < r->interface_count; i++)
		if (interface_place(fd, &r->interfaces[i], pid, err) < 0)
			return -1;
	for (i = 0; i < NS_COUNT; i++)
		if (r->bind_ns[i] && ns_bind(pid, (enum ns_kind)i, r->bind_ns[i], err) < 0)
			return -1;
	return 0;
}

void prepare_release(const struct bundle *b)
{
	const struct oci_runtime *r = &b->runtime;
	_cleanup_close_ int fd = -1;
	size_t i;

	for (i = 0; i < NS_COUNT; i++)
		if (r->bind_ns[i])
			ns_unbind(r->bind_ns[i]);
	for (i = 0; i < r->interface_count; i++) {
		/* The pair goes with its other end, but not at once. */
		if (r->interfaces[i].peer && (fd >= 0 || (fd = rtnl_open(NULL)) >= 0))
			rtnl_link_delete(fd, r->interfaces[i].peer, NULL);
	}
}

void prepare_undo(const struct bundle *b)
{
	undo_from(b, b->runtime.mount_count);
}
