/* The list of packages, and running apt's programs for it. */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "debian_private.h"
#include "spawn.h"
#include "str.h"

void debian_clear(struct debian *d)
{
	size_t i;

	for (i = 0; i < d->count; i++) {
		control_clear(&d->list[i].control);
		free(d->list[i].dir);
	}
	free(d->list);
	free(d->arch);
	strv_free(d->apt);
	temp_dir_remove(&d->temp);
	*d = (struct debian)DEBIAN_INIT;
}

struct deb *debian_find(struct debian *d, const char *name)
{
	size_t i;

	for (i = 0; i < d->count; i++)
		if (str_eq(d->list[i].control.name, name))
			return &d->list[i];
	return NULL;
}

int debian_append(struct debian *d, struct control *c, unsigned level, struct error *err)
{
	struct deb *grown = reallocarray(d->list, d->count + 1, sizeof(*grown));

	if (!grown)
		return error_set(err, ENOMEM, "Debian packages");
	d->list = grown;
	d->list[d->count++] = (struct deb){ .control = *c, .level = level };
	*c = (struct control){ 0 };
	if (level >= d->levels)
		d->levels = level + 1;
	return 0;
}

int apt_state(struct buf *text)
{
	static const char *const states[] = { "/var/lib/apt/lists",     "/etc/apt",
					      "/etc/apt/sources.list",  "/etc/apt/sources.list.d",
					      "/etc/apt/preferences.d", "/etc/apt/apt.conf.d" };
	struct stat st;
	size_t i;
	int failed = 0;

	for (i = 0; i < array_len(states); i++)
		if (stat(states[i], &st) == 0)
			failed |= buf_addf(text, "%lld.%09ld\n", (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	return failed ? -1 : 0;
}

int apt_run(char *const *argv, const char *cwd, struct buf *output, struct error *err)
{
	struct spawn s = { .path = argv[0], .argv = argv, .cwd = cwd, .stdout_only = !cwd };
	int status = spawn_wait(&s, output, APT_OUTPUT_MAX, 0, err);

	if (status < 0 && err && err->code == ENOENT && !cwd)
		return error_set(err, 0, "%s is not installed: packages with a debian section need a Debian machine",
				 argv[0]);
	return status;
}
