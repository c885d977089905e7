#include "libcontainer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroups.h"
#include "io.h"
#include "jsonr.h"
#include "str.h"

enum { STATE_MAX = 4 << 20 };

void libcontainer_state_clear(struct libcontainer_state *s)
{
	strv_free(s->cgroups);
	*s = (struct libcontainer_state){ 0 };
}

static bool is_empty(const struct jsonr *v)
{
	struct jsonr_iter it = jsonr_iter(v);
	struct jsonr key, value;

	switch (v->type) {
	case JSONR_NONE:
	case JSONR_NULL:
	case JSONR_FALSE:
		return true;
	case JSONR_STRING:
		return jsonr_is(v, "");
	case JSONR_OBJECT:
		return !jsonr_member(&it, &key, &value);
	case JSONR_ARRAY:
		return !jsonr_element(&it, &value);
	default:
		return false;
	}
}

static bool config_private_pids(const struct jsonr *config)
{
	struct jsonr namespaces = jsonr_get(config, "namespaces"), ns;
	struct jsonr_iter it = jsonr_iter(&namespaces);

	while (jsonr_element(&it, &ns)) {
		struct jsonr type = jsonr_get(&ns, "type"), path = jsonr_get(&ns, "path");

		if (jsonr_is(&type, "NEWPID"))
			return is_empty(&path);
	}
	return false;
}

static bool config_hooks(const struct jsonr *config)
{
	struct jsonr hooks = jsonr_get(config, "Hooks");
	struct jsonr start = jsonr_get(&hooks, "poststart"), stop = jsonr_get(&hooks, "poststop");

	return !is_empty(&start) || !is_empty(&stop);
}

/* The control groups: absolute paths below the place where such are mounted. */
static int cgroups_take(const struct jsonr *paths, struct libcontainer_state *out)
{
	struct jsonr_iter it = jsonr_iter(paths);
	struct jsonr key, value;

	while (jsonr_member(&it, &key, &value)) {
		_cleanup_free_ char *path = jsonr_text(&value);

		if (!path || !cgroups_path_is_safe(path) || strv_add(&out->cgroups, path) < 0)
			return -1;
	}
	return out->cgroups ? 0 : -1;
}

int libcontainer_state_parse(const char *text, size_t n, struct libcontainer_state *out, struct error *err)
{
	struct jsonr state, pid, config, paths, groups, v;
	uint64_t number;

	*out = (struct libcontainer_state){ 0 };
	if (jsonr_parse(text, n, &state, err) < 0)
		return -1;
	pid = jsonr_get(&state, "init_process_pid");
	config = jsonr_get(&state, "config");
	paths = jsonr_get(&state, "cgroup_paths");
	groups = jsonr_get(&config, "cgroups");
	if (jsonr_u64(&pid, &number) < 0 || number < 2 || number > 1 << 30 || groups.type != JSONR_OBJECT)
		return error_set(err, 0, "not a state of libcontainer");
	out->pid = (pid_t)number;
	out->private_pids = config_private_pids(&config);
	out->hooks = config_hooks(&config);
	v = jsonr_get(&groups, "Systemd");
	out->managed = !is_empty(&v);
	v = jsonr_get(&groups, "systemd"); /* the name since 1.2 */
	out->managed |= !is_empty(&v);
	v = jsonr_get(&groups, "Rootless");
	out->managed |= !is_empty(&v);
	v = jsonr_get(&groups, "rootless");
	out->managed |= !is_empty(&v);
	v = jsonr_get(&state, "rootless");
	out->managed |= !is_empty(&v);
	v = jsonr_get(&config, "intel_rdt");
	out->managed |= !is_empty(&v);
	v = jsonr_get(&config, "intelRdt");
	out->managed |= !is_empty(&v);
	v = jsonr_get(&state, "intel_rdt_path");
	out->managed |= !is_empty(&v);
	if (cgroups_take(&paths, out) < 0)
		out->managed = true;
	return 0;
}

/* A descriptor of the state directory; -1 when it cannot be what runc made. */
static int state_open(const char *root, const char *id, pid_t pid, struct libcontainer_state *state)
{
	_cleanup_free_ char *path = str_format("%s/%s", root, id);
	_cleanup_close_ int dir = path ? open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
	_cleanup_buf_ struct buf text = { 0 };

	if (dir < 0 || file_read_at(dir, "state.json", STATE_MAX, &text, NULL) < 0 ||
	    libcontainer_state_parse(buf_text(&text), text.len, state, NULL) < 0 || state->pid != pid)
		return -1;
	return steal_fd(&dir);
}

int libcontainer_start_open(const char *root, const char *id, pid_t pid)
{
	_cleanup_libcontainer_state_ struct libcontainer_state state = { 0 };
	_cleanup_close_ int dir = state_open(root, id, pid, &state), fifo = -1;
	struct stat st;

	if (dir < 0 || state.hooks)
		return -1;
	fifo = openat(dir, "exec.fifo", O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	if (fifo < 0 || fstat(fifo, &st) < 0 || !S_ISFIFO(st.st_mode))
		return -1;
	return steal_fd(&fifo);
}

void libcontainer_start_done(const char *root, const char *id)
{
	_cleanup_free_ char *path = str_format("%s/%s/exec.fifo", root, id);

	/* If it stays, `runc state` calls the container created: a blemish, no harm. */
	if (path)
		(void)unlink(path);
}

enum libcontainer_result libcontainer_delete(const char *root, const char *id, pid_t pid)
{
	_cleanup_libcontainer_state_ struct libcontainer_state state = { 0 };
	_cleanup_close_ int dir = state_open(root, id, pid, &state);
	_cleanup_free_ char *path = str_format("%s/%s", root, id);

	if (dir < 0 || !path || state.hooks || state.managed || !state.private_pids)
		return LIBCONTAINER_UNFIT;
	for (char **g = state.cgroups; *g; g++)
		if (cgroups_remove(*g) < 0)
			return LIBCONTAINER_UNFIT;
	/* The state goes last: until then the runtime can take over. */
	return dir_remove(path, NULL) < 0 ? LIBCONTAINER_UNFIT : LIBCONTAINER_DONE;
}
