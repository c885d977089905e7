#include "module.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/module.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

#include "cmdline.h"
#include "io.h"
#include "modconf.h"
#include "modindex.h"
#include "str.h"

enum {
	FILE_MAX = 1 << 20, /* bytes of a configuration file */
	DEPTH_MAX = 16,     /* of modules that ask for modules by softdep */
};

struct modules {
	int dir;
	struct modindex aliases, paths;
	struct modconf conf;
	char **done; /* names that were looked at: loaded, or failed and not tried again */
};

/* Maps an index; a missing one stays empty. */
static int index_open(int dir, const char *name, struct modindex *out, struct error *err)
{
	_cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *data;

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_set(err, errno, "%s", name);
	if (st.st_size <= 0)
		return error_set(err, EBADMSG, "%s", name);
	data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (data == MAP_FAILED)
		return error_set(err, errno, "%s", name);
	if (modindex_open(data, (size_t)st.st_size, out, err) < 0) {
		munmap(data, (size_t)st.st_size);
		*out = (struct modindex){ 0 };
		return error_wrap(err, "%s", name);
	}
	return 0;
}

static void index_close(struct modindex *index)
{
	if (index->data)
		munmap((void *)index->data, index->size);
}

static int conf_read(struct modconf *conf, int dir, const char *name, struct error *err)
{
	_cleanup_buf_ struct buf text = { 0 };

	if (file_read_at(dir, name, FILE_MAX, &text, err) < 0)
		return -1;
	return modconf_parse(conf, buf_text(&text), text.len) < 0 ? error_set(err, ENOMEM, "%s", name) : 0;
}

/* Configuration that cannot be read must not keep a machine from booting: it is passed over. */
static void conf_read_all(struct modules *m)
{
	_cleanup_close_ int dir = open("/etc/modprobe.d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_strv_ char **names = dir < 0 ? NULL : dir_names(dir, ".", false, NULL);
	_cleanup_buf_ struct buf cmdline = { 0 };

	for (char **n = names; n && *n; n++)
		if (str_ends(*n, ".conf"))
			conf_read(&m->conf, dir, *n, NULL);
	conf_read(&m->conf, m->dir, "modules.softdep", NULL);
	if (cmdline_read(&cmdline, NULL) == 0)
		modconf_parse_cmdline(&m->conf, buf_text(&cmdline));
}

struct modules *modules_open(const char *directory, struct error *err)
{
	_cleanup_modules_ struct modules *m = calloc(1, sizeof(*m));
	_cleanup_free_ char *path = NULL;
	struct utsname u;

	if (!m || uname(&u) < 0 || !(path = directory ? strdup(directory) : str_format("/lib/modules/%s", u.release))) {
		error_set(err, errno, "kernel modules");
		return NULL;
	}
	m->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (m->dir < 0) {
		error_set(err, errno, "%s", path);
		return NULL;
	}
	if (index_open(m->dir, "modules.alias.bin", &m->aliases, err) < 0 ||
	    index_open(m->dir, "modules.dep.bin", &m->paths, err) < 0) {
		error_wrap(err, "%s", path);
		return NULL;
	}
	if (!m->paths.data) {
		error_set(err, ENOENT, "%s/modules.dep.bin", path);
		return NULL;
	}
	conf_read_all(m);
	return steal_ptr(&m);
}

void modules_free(struct modules *m)
{
	if (!m)
		return;
	index_close(&m->aliases);
	index_close(&m->paths);
	modconf_clear(&m->conf);
	strv_free(m->done);
	if (m->dir >= 0)
		close(m->dir);
	free(m);
}

bool modules_any(const struct modules *m)
{
	return !modindex_empty(&m->paths);
}

/* --- loading ---------------------------------------------------------------------------------------- */

/* "kernel/drivers/net/virtio_net.ko.xz" has the name "virtio_net". */
static char *name_of(const char *path)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	char *name = strndup(base, strcspn(base, "."));

	if (name)
		modconf_normalise(name);
	return name;
}

static bool is_loaded(const char *name)
{
	_cleanup_free_ char *path = str_format("/sys/module/%s", name);

	return path && access(path, F_OK) == 0;
}

static int found_any(void *data, uint32_t priority, const char *value)
{
	(void)data;
	(void)priority;
	(void)value;
	return 1;
}

/* By name or alias. Asked for seldom: the indexes are not kept open. */
static bool is_builtin(const struct modules *m, const char *name)
{
	struct modindex names = { 0 }, aliases = { 0 };
	bool r;

	r = index_open(m->dir, "modules.builtin.bin", &names, NULL) == 0 && names.data && modindex_value(&names, name);
	if (!r)
		r = index_open(m->dir, "modules.builtin.alias.bin", &aliases, NULL) == 0 && aliases.data &&
			modindex_match(&aliases, name, found_any, NULL, NULL) > 0;
	index_close(&names);
	index_close(&aliases);
	return r;
}

/* One file, whose dependencies are there. The kernel unpacks what is compressed, if it was built for that. */
static int file_load(struct modules *m, const char *path, const char *name, struct error *err)
{
	_cleanup_close_ int fd = openat(m->dir, path, O_RDONLY | O_CLOEXEC);
	_cleanup_free_ char *options = modconf_options(&m->conf, name);

	if (fd < 0)
		return error_set(err, errno, "%s", path);
	if (!options)
		return error_set(err, ENOMEM, "%s", path);
	if (syscall(SYS_finit_module, fd, options, str_ends(path, ".ko") ? 0 : MODULE_INIT_COMPRESSED_FILE) < 0 &&
	    errno != EEXIST)
		return error_set(err, errno, "load module %s", name);
	return 0;
}

static int name_load(struct modules *m, const char *name, unsigned depth, struct error *err);

/* A path of modules.dep: the module itself, or one that it depends on. */
static int path_load(struct modules *m, const char *path, unsigned depth, struct error *err)
{
	_cleanup_free_ char *name = name_of(path);
	size_t n;

	if (!name)
		return error_set(err, ENOMEM, "%s", path);
	if (strv_has(m->done, name))
		return 0;
	if (strv_add(&m->done, name) < 0)
		return error_set(err, ENOMEM, "%s", path);
	if (is_loaded(name))
		return 0;
	n = strlen(name);
	for (char **need = m->conf.needs; need && *need; need++)
		if (strncmp(*need, name, n) == 0 && (*need)[n] == ' ' && depth < DEPTH_MAX)
			name_load(m, *need + n + 1, depth + 1, NULL); /* it is a wish */
	return file_load(m, path, name, err);
}

/* A line of modules.dep is "PATH: PATH PATH...", each after what it depends on when read backwards. */
static int name_load(struct modules *m, const char *name, unsigned depth, struct error *err)
{
	const char *line = modindex_value(&m->paths, name);
	_cleanup_strv_ char **paths = NULL;

	if (!line) {
		if (is_builtin(m, name) || is_loaded(name))
			return 0;
		return error_say(err, ENOENT, "no module %s", name);
	}
	paths = strv_split(line, ": ");
	if (!paths)
		return error_set(err, ENOMEM, "module %s", name);
	for (size_t i = strv_len(paths); i-- > 0;)
		if (path_load(m, paths[i], depth, err) < 0)
			return -1;
	return 0;
}

int modules_option(struct modules *m, const char *name, const char *option, struct error *err)
{
	_cleanup_free_ char *key = strdup(name);

	if (key)
		modconf_normalise(key);
	if (!key || strv_addf(&m->conf.options, "%s %s", key, option) < 0)
		return error_set(err, ENOMEM, "module %s", name);
	return 0;
}

static int alias_found(void *data, uint32_t priority, const char *value)
{
	(void)priority;
	return strv_has(*(char ***)data, value) ? 0 : strv_add(data, value) < 0;
}

int modules_load(struct modules *m, const char *name, struct error *err)
{
	_cleanup_free_ char *key = strdup(name);
	_cleanup_strv_ char **found = NULL;
	int r = 0;

	if (!key)
		return error_set(err, ENOMEM, "module %s", name);
	modconf_normalise(key);
	/* A name goes before aliases, as with kmod. */
	if (!modindex_value(&m->paths, key) && m->aliases.data &&
	    modindex_match(&m->aliases, key, alias_found, &found, err) != 0)
		return error_wrap(err, "module %s", name);
	if (!found)
		return name_load(m, key, 0, err);
	for (char **f = found; *f; f++) {
		modconf_normalise(*f);
		if (!strv_has(m->conf.blacklist, *f) && name_load(m, *f, 0, err) < 0)
			r = -1;
	}
	return r;
}
