#include "prepare.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mount.h>

#include "beneath.h"
#include "cgroup.h"
#include "io.h"
#include "log.h"
#include "mountopt.h"
#include "rtnetlink.h"
#include "str.h"
#include "upper.h"

enum { STACK_MOST = 64 }; /* mounts of killed programs over each other */

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

/* --- places: whatever the root file system's image made of a name, nothing leads out of it ------------------- */

/* Where a path of runtime.json leads: into a container's root file system, whose links are followed as the container
 * would, or to a place of the machine's own (beneath.h). */
struct spot {
	char *root;       /* that root file system's directory; NULL: the machine's */
	const char *path; /* what is left of it, in there */
};

static int spot_find(const struct bundle *b, const char *path, struct spot *out, struct error *err)
{
	static const char all[] = "/containers/", dir[] = "/rootfs/";
	size_t n = strlen(b->path);
	const char *at = NULL;

	*out = (struct spot){ .path = path };
	if (path[0] != '/') {
		out->root = str_format("%s/rootfs", b->path);
	} else {
		if (strncmp(path, b->path, n) == 0 && path[n] == '/')
			at = strstr(path + n, dir);
		else if (str_starts(path, all))
			at = strstr(path, dir);
		if (!at)
			return 0;
		out->path = at + sizeof(dir) - 1;
		out->root = strndup(path, (size_t)(out->path - path) - 1);
	}
	return out->root ? 0 : error_set(err, ENOMEM, "%s", path);
}

/* Makes the directory. An O_PATH descriptor of it. */
static int place_make(const struct bundle *b, const char *path, struct error *err)
{
	_cleanup_close_ int root = -1;
	_cleanup_free_ char *owned = NULL;
	struct spot s;
	int fd;

	if (spot_find(b, path, &s, err) < 0)
		return -1;
	owned = s.root;
	if (!s.root)
		return beneath_machine_dir(path, 0755, err);
	root = beneath_machine_dir(s.root, 0, err);
	fd = root < 0 ? -1 : beneath_mkdir(root, s.path, 0755, true, err);
	return fd < 0 ? error_wrap(err, "%s", path) : fd;
}

/* The directory that holds what the path names, and its name there; empty: the path is a root itself. */
static int place_parent(const struct bundle *b, const char *path, char name[NAME_MAX + 1], struct error *err)
{
	const struct beneath_want want = { .type = S_IFDIR, .owner = BENEATH_ANY_OWNER, .follow = true };
	_cleanup_free_ char *owned = NULL, *above = NULL;
	_cleanup_close_ int root = -1;
	struct spot s;
	size_t n, from;

	if (spot_find(b, path, &s, err) < 0)
		return -1;
	owned = s.root;
	if (!s.root)
		return beneath_machine_parent(path, 0, name, err);
	for (n = strlen(s.path); n > 0 && s.path[n - 1] == '/'; n--)
		;
	for (from = n; from > 0 && s.path[from - 1] != '/'; from--)
		;
	if (n - from > NAME_MAX)
		return error_set(err, ENAMETOOLONG, "%s", path);
	memcpy(name, s.path + from, n - from);
	name[n - from] = '\0';
	above = strndup(s.path, from);
	root = beneath_machine_dir(s.root, 0, err);
	if (!above || root < 0)
		return above ? -1 : error_set(err, ENOMEM, "%s", path);
	return beneath_open(root, *above ? above : ".", O_PATH | O_DIRECTORY, 0, &want, err);
}

/* An overlay's writable directories: the file system that they are on is empty until now, or a disk's folder. */
static int overlay_directories(const struct bundle *b, const struct oci_mount *m, struct error *err)
{
	char *const *o;

	for (o = m->options; o && *o; o++) {
		_cleanup_close_ int fd = -1;
		const char *dir = strchr(*o, '=');

		if (!str_starts(*o, "upperdir=") && !str_starts(*o, "workdir="))
			continue;
		fd = place_make(b, dir + 1, err);
		if (fd < 0)
			return -1;
	}
	return 0;
}

/* What is bound is the thing that the name leads to now. */
static int mount_source(const struct bundle *b, const struct oci_mount *m, const struct mount_options *options,
			struct error *err)
{
	const struct beneath_want want = { .owner = BENEATH_ANY_OWNER, .follow = true };
	_cleanup_free_ char *owned = NULL;
	_cleanup_close_ int root = -1;
	struct spot s;

	if (!(options->flags & MS_BIND) || (options->flags & MS_REMOUNT) || !m->source || m->source[0] != '/')
		return -1;
	if (spot_find(b, m->source, &s, err) < 0)
		return -1;
	owned = s.root;
	if (!s.root)
		return beneath_machine_any(m->source, err);
	root = beneath_machine_dir(s.root, 0, err);
	return root < 0 ? -1 : beneath_open(root, s.path, O_PATH, 0, &want, err);
}

/* The tmpfs that an overlay's writable directories are in. */
static bool is_upper(const struct bundle *b, const struct oci_mount *m)
{
	size_t n = strlen(b->path);

	return m->type && str_eq(m->type, "tmpfs") && strncmp(m->destination, b->path, n) == 0 &&
		str_eq(m->destination + n, "/tmp");
}

/* In its place a folder of a disk, where the container wants it and there is one. 1: that is mounted. */
static int upper_mount(const struct bundle *b, const struct mount_place *place, struct error *err)
{
	const char *path = oci_annotation(&b->config, "org.pith.upper");
	const struct mount_options bind = { .flags = MS_BIND };
	char from[BENEATH_FD_PATH_MAX];
	_cleanup_close_ int fd = -1;
	int r = path ? upper_open(path, &fd, err) : 0;

	if (r < 0)
		return error_wrap(err, "org.pith.upper");
	if (path && r == 0)
		log_warn("%s: no writable disk is mounted at %s: what it writes is in memory", b->path, path);
	if (r == 0)
		return 0;
	return mount_apply_at(beneath_fd_path(from, fd), place, NULL, &bind, err) < 0 ? -1 : 1;
}

static int mount_one(const struct bundle *b, const struct oci_mount *m, struct error *err)
{
	_cleanup_mount_options_ struct mount_options options = { 0 };
	_cleanup_close_ int target = -1, parent = -1, source = -1;
	char name[NAME_MAX + 1], from[BENEATH_FD_PATH_MAX];
	_cleanup_error_ struct error why = { 0 };
	struct mount_place place;

	target = place_make(b, m->destination, err);
	parent = target < 0 ? -1 : place_parent(b, m->destination, name, err);
	if (parent < 0 || overlay_directories(b, m, err) < 0 || mount_options_parse(m->options, &options, err) < 0)
		return -1;
	source = mount_source(b, m, &options, &why);
	if (source < 0 && why.msg)
		return error_move(err, &why);
	place = (struct mount_place){ .target = target, .parent = parent, .name = name, .shown = m->destination };
	if (is_upper(b, m)) {
		int r = upper_mount(b, &place, err);

		if (r != 0)
			return r < 0 ? -1 : 0;
	}
	return mount_apply_at(source < 0 ? m->source : beneath_fd_path(from, source), &place, m->type, &options, err);
}

static bool is_new_mount(const struct oci_mount *m)
{
	return !m->options || !strv_has(m->options, "remount");
}

/* Below the bundle's directory; relative paths are. */
static bool is_inside(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return path[0] != '/' || (strncmp(path, dir, n) == 0 && path[n] == '/');
}

/* How many it has taken away. flags: of umount2(2). */
static unsigned undo_from(const struct bundle *b, size_t count, int flags)
{
	char name[NAME_MAX + 1], base[BENEATH_FD_PATH_MAX], path[BENEATH_FD_PATH_MAX + NAME_MAX + 1];
	unsigned gone = 0;

	while (count-- > 0) {
		const struct oci_mount *m = &b->runtime.mounts[count];
		_cleanup_close_ int parent = -1;

		if (!is_new_mount(m) || !is_inside(m->destination, b->path))
			continue;
		parent = place_parent(b, m->destination, name, NULL);
		if (parent < 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", beneath_fd_path(base, parent), name);
		/* Busy means that somebody else still needs it: it stays then. */
		gone += umount2(path, UMOUNT_NOFOLLOW | flags) == 0;
	}
	return gone;
}

int prepare_filesystem(const struct bundle *b, struct error *err)
{
	const struct oci_runtime *r = &b->runtime;
	char *const *p;
	size_t i;

	for (i = 0; i < r->mount_count; i++) {
		if (mount_one(b, &r->mounts[i], err) < 0) {
			undo_from(b, i, 0);
			return -1;
		}
	}
	for (p = r->mkdir; p && *p; p++) {
		_cleanup_close_ int dir = place_make(b, *p, err);

		if (dir < 0) {
			undo_from(b, r->mount_count, 0);
			return -1;
		}
	}
	for (p = r->cgroups; p && *p; p++) {
		if (cgroup_make(*p, err) < 0) {
			undo_from(b, r->mount_count, 0);
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
	undo_from(b, b->runtime.mount_count, 0);
}

void prepare_clear(const struct bundle *b)
{
	for (int i = 0; i < STACK_MOST && undo_from(b, b->runtime.mount_count, MNT_DETACH) > 0; i++)
		;
}
