#include "registry.h"

#include <errno.h>

#include "spawn.h"
#include "str.h"

static int copy(struct store *store, const char *name, const char *transport, bool all, bool verbose, struct error *err)
{
	_cleanup_ref_ struct ref ref = { 0 };
	_cleanup_free_ char *full = NULL, *from = NULL, *to = NULL;
	_cleanup_(buf_free) struct buf output = { 0 };
	struct spawn s = { .path = "skopeo", .inherit_stdio = verbose };
	const char *why;
	int status;

	if (ref_parse(name, &ref, err) < 0)
		return -1;
	full = ref_cache_name(&ref);
	from = full ? str_format("oci:%s:%s", store_path(store), full) : NULL;
	to = full ? str_format("%s%s", transport, full) : NULL;
	if (!from || !to)
		return error_set(err, ENOMEM, "copy %s", name);
	s.argv = (char *[]){ (char *)"skopeo", (char *)"copy", from, to, all ? (char *)"--all" : NULL, NULL };
	status = spawn_wait(&s, verbose ? NULL : &output, 65536, 0, err);
	if (status == 0)
		return 0;
	if (status < 0 && err && err->code == ENOENT)
		return error_set(err, 0, "copy %s: skopeo is not installed: apt-get install skopeo", full);
	if (status < 0)
		return -1;
	/* The last line says it. */
	why = buf_text(&output);
	while (strchr(why, '\n') && strchr(why, '\n')[1])
		why = strchr(why, '\n') + 1;
	return error_set(err, 0, "copy %s to %s: skopeo failed (%s): %.*s", full, to, spawn_status_text(status),
			 (int)strcspn(why, "\n"), why);
}

int registry_push(struct store *store, const char *name, bool verbose, struct error *err)
{
	return copy(store, name, "docker://", true, verbose, err);
}

int registry_load_docker(struct store *store, const char *name, struct error *err)
{
	return copy(store, name, "docker-daemon:", false, false, err);
}
