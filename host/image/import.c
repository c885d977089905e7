/* Importing archives and layouts: first everything is read and its blobs stored (import_read.c), then what the
 * documents mean is worked out, and at the end all images get their names, or none. */
#include "import.h"

#include <errno.h>
#include <sys/stat.h>

#include "import_private.h"
#include "progress.h"
#include "str.h"

static void import_clear(struct import *im)
{
	json_decref(im->files);
	json_decref(im->checked);
	json_decref(im->listed);
	buf_free(&im->index);
	buf_free(&im->manifest);
}

int image_import(struct store *s, const char *path, const struct import_options *how, struct imported *out,
		 struct error *err)
{
	_cleanup_(import_clear) struct import im = { .store = s,
						     .name = how->name,
						     .replace = how->replace,
						     .files = json_object(),
						     .checked = json_object(),
						     .listed = json_object(),
						     .out = out };
	_cleanup_progress_ struct progress progress = { 0 };
	struct stat st;
	int r;

	*out = (struct imported){ 0 };
	if (!im.files || !im.checked || !im.listed)
		return error_set(err, ENOMEM, "importing");
	if (!str_eq(path, "-") && stat(path, &st) < 0)
		return error_set(err, errno, "%s", path);
	progress_begin(&progress, PROGRESS_READS, !str_eq(path, "-") && S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0,
		       "importing %s", path);
	r = !str_eq(path, "-") && S_ISDIR(st.st_mode) ? import_read_directory(&im, path, err)
						      : import_read_archive(&im, path, err);
	progress_end(&progress);
	if (r < 0)
		return -1;
	if (im.index.len)
		r = import_finish_oci(&im, err);
	else if (im.manifest.len)
		r = import_finish_docker(&im, err);
	else
		r = error_say(err, EINVAL,
			      "neither an OCI image layout nor a docker archive: no index.json, no manifest.json");
	if (r == 0)
		r = import_set_names(&im, err);
	return r < 0 ? error_wrap(err, "%s", path) : 0;
}
