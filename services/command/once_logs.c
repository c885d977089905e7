#include "once_logs.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "beneath.h"
#include "io.h"
#include "str.h"

#define ONCE_PREFIX "onboot."
#define ONCE_ENDING ".out.log"

bool once_logs_named(const char *name)
{
	return str_starts(name, "onboot/");
}

/* "NNN-NAME" of a standard output's file; NULL: this is none. The caller frees it. */
static char *container_of(const char *file)
{
	size_t n = strlen(file), ends = sizeof(ONCE_PREFIX ONCE_ENDING) - 1;

	if (n <= ends || !str_starts(file, ONCE_PREFIX) || !str_ends(file, ONCE_ENDING))
		return NULL;
	return strndup(file + sizeof(ONCE_PREFIX) - 1, n - ends);
}

static const char *without_number(const char *id)
{
	size_t digits = strspn(id, "0123456789");

	return digits && id[digits] == '-' ? id + digits + 1 : id;
}

/* The container's whole name; without one, those that there are. */
static char *container_find(int dir, const char *name, struct error *err)
{
	_cleanup_strv_ char **files = dir_names(dir, ".", false, err), **there = NULL;
	_cleanup_free_ char *list = NULL;
	size_t i;

	for (i = 0; files && files[i]; i++) {
		_cleanup_free_ char *id = container_of(files[i]);

		if (!id)
			continue;
		if (str_eq(id, name) || str_eq(without_number(id), name))
			return steal_ptr(&id);
		if (strv_add(&there, without_number(id)) < 0)
			return NULL;
	}
	list = there ? strv_join(there, ", ") : NULL;
	if (files)
		error_say(err, ENOENT, "no logs of onboot/%s%s%s", name, list ? ": there are those of " : "",
			  list ? list : "");
	return NULL;
}

char *once_logs_find(const char *name, struct error *err)
{
	_cleanup_close_ int dir = beneath_machine_dir(ONCE_LOGS_DIR, 0, err);
	_cleanup_free_ char *id = NULL;
	char *logs;

	if (dir < 0) {
		error_say(err, ENOENT, "no container has run at the boot");
		return NULL;
	}
	id = container_find(dir, once_logs_named(name) ? strchr(name, '/') + 1 : name, err);
	logs = id ? str_format(ONCE_PREFIX "%s", id) : NULL;
	if (id && !logs)
		error_set(err, ENOMEM, "logs");
	return logs;
}
