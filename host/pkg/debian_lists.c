/* apt's lists for another architecture. A machine that knows the architecture (dpkg --add-architecture) has them; for
 * any other pith keeps lists of its own, from the machine's own mirrors, and leaves the machine's apt as it is.
 *
 * Below the user's cache, apt-ARCH/ has lists/, an empty status, and stamp, which says which state of the machine's
 * lists they belong to: whoever runs `apt-get update` has these read anew, too. A new folder takes the old one's place
 * in one step, so that two who come at the same time do not meet. */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "debian_private.h"
#include "digest.h"
#include "io.h"
#include "paths.h"
#include "platform.h"
#include "progress.h"
#include "str.h"

/* Whether the machine's own apt has been told of the architecture. */
static int machine_knows(const char *arch, struct error *err)
{
	_cleanup_(buf_free) struct buf text = { 0 };
	_cleanup_strv_ char **known = NULL;

	if (apt_run((char *[]){ (char *)"dpkg", (char *)"--print-foreign-architectures", NULL }, NULL, &text, err) < 0)
		return -1;
	known = strv_split(buf_text(&text), "\n");
	return strv_has(known, arch);
}

static int stamp_make(char hex[static DIGEST_HEX], struct error *err)
{
	_cleanup_(buf_free) struct buf text = { 0 };

	if (apt_state(&text) < 0 || digest_bytes(buf_text(&text), text.len, hex) < 0)
		return error_set(err, ENOMEM, "apt's lists");
	return 0;
}

/* Options that have apt use the lists in a folder. */
static int lists_options(char ***out, const char *dir, const char *arch)
{
	return strv_addf(out, "-oAPT::Architectures=%s", arch) < 0 ||
			strv_addf(out, "-oDir::State::lists=%s/lists", dir) < 0 ||
			strv_addf(out, "-oDir::State::status=%s/status", dir) < 0 ||
			strv_addf(out, "-oDir::Cache=%s", dir) < 0 || strv_add(out, "-oAcquire::Languages=none") < 0
		? -1
		: 0;
}

static int folder_file(const char *dir, const char *name, const char *text, struct error *err)
{
	_cleanup_free_ char *path = str_format("%s/%s", dir, name);

	return path ? file_write(path, text, strlen(text), 0644, err) : error_set(err, ENOMEM, "%s", dir);
}

static int folder_make(const char *dir, const char *name, struct error *err)
{
	_cleanup_free_ char *path = str_format("%s/%s", dir, name);

	if (!path)
		return error_set(err, ENOMEM, "%s", dir);
	return mkdir(path, 0755) < 0 ? error_set(err, errno, "%s", path) : 0;
}

/* Where apt can give root's rights up, which it cannot below a home directory. */
static int lists_fetch(struct temp_dir *dir, const char *arch, struct error *err)
{
	_cleanup_progress_ struct progress progress = { 0 };
	_cleanup_(buf_free) struct buf output = { 0 };
	_cleanup_strv_ char **argv = NULL;
	int status;

	if (temp_dir_make(dir, NULL, err) < 0)
		return -1;
	if (geteuid() == 0 && getpwnam("_apt") && chmod(dir->path, 0711) < 0)
		return error_set(err, errno, "%s", dir->path);
	if (folder_make(dir->path, "lists", err) < 0 || folder_file(dir->path, "status", "", err) < 0)
		return -1;
	if (strv_add(&argv, "apt-get") < 0 || strv_add(&argv, "-qq") < 0 || strv_add(&argv, "update") < 0 ||
	    strv_addf(&argv, "-oAPT::Architecture=%s", arch) < 0 || lists_options(&argv, dir->path, arch) < 0 ||
	    /* A mirror that is not reached is a warning to apt, and lists without it would be kept. */
	    strv_add(&argv, "-oAPT::Update::Error-Mode=any") < 0)
		return error_set(err, ENOMEM, "apt-get");
	progress_begin(&progress, PROGRESS_ANNOUNCE, 0, "reading the package lists for %s", arch);
	status = apt_run(argv, dir->path, &output, err);
	if (status == 0)
		return 0;
	return status < 0 ? -1
			  : error_set(err, 0, "apt-get update for %s failed: %.*s", arch,
				      (int)strcspn(buf_text(&output), "\n"), buf_text(&output));
}

/* A copy of what apt has checked, in place of the folder that there was. */
static int lists_place(const struct temp_dir *from, const char *path, const char *stamp, struct error *err)
{
	_cleanup_temp_dir_ struct temp_dir made = TEMP_DIR_INIT;
	_cleanup_(buf_free) struct buf output = { 0 };
	_cleanup_free_ char *parent = strndup(path, (size_t)(strrchr(path, '/') - path));
	_cleanup_free_ char *lists = str_format("%s/lists", from->path), *new = NULL;
	int status;

	if (!parent || !lists)
		return error_set(err, ENOMEM, "%s", path);
	if (temp_dir_make(&made, parent, err) < 0 || folder_make(made.path, "new", err) < 0)
		return -1;
	new = str_format("%s/new", made.path);
	if (!new)
		return error_set(err, ENOMEM, "%s", path);
	status = apt_run((char *[]){ (char *)"cp", (char *)"-R", lists, new, NULL }, made.path, &output, err);
	if (status != 0)
		return status < 0 ? -1
				  : error_set(err, 0, "%.*s", (int)strcspn(buf_text(&output), "\n"), buf_text(&output));
	if (folder_file(new, "status", "", err) < 0 || folder_file(new, "stamp", stamp, err) < 0)
		return -1;
	if (renameat2(AT_FDCWD, new, AT_FDCWD, path, RENAME_NOREPLACE) == 0 ||
	    (errno == EEXIST && renameat2(AT_FDCWD, new, AT_FDCWD, path, RENAME_EXCHANGE) == 0))
		return 0;
	return error_set(err, errno, "%s", path);
}

/* The folder of lists for the architecture, as new as the machine's own. Caller frees. */
static char *lists_own(const char *arch, struct error *err)
{
	_cleanup_temp_dir_ struct temp_dir fetched = TEMP_DIR_INIT;
	_cleanup_free_ char *name = str_format("apt-%s", arch), *path = name ? path_cache(name, err) : NULL;
	_cleanup_free_ char *at = path ? str_format("%s/stamp", path) : NULL, *have = NULL;
	char stamp[DIGEST_HEX];

	if (!at || stamp_make(stamp, err) < 0)
		return NULL;
	have = file_line(at, NULL);
	if (have && str_eq(have, stamp))
		return steal_ptr(&path);
	if (lists_fetch(&fetched, arch, err) < 0 || lists_place(&fetched, path, stamp, err) < 0)
		return NULL;
	return steal_ptr(&path);
}

int debian_lists(struct debian *d, struct error *err)
{
	_cleanup_strv_ char **options = NULL;
	_cleanup_free_ char *own = NULL;
	struct platform host = platform_host();
	int known;

	if (d->apt)
		return 0;
	if (strv_addf(&options, "-oAPT::Architecture=%s", d->arch) < 0)
		return error_set(err, ENOMEM, "apt");
	if (!str_eq(d->arch, host.arch)) {
		known = machine_knows(d->arch, err);
		own = known == 0 ? lists_own(d->arch, err) : NULL;
		if (known < 0 || (known == 0 && !own))
			return -1;
		if (own && lists_options(&options, own, d->arch) < 0)
			return error_set(err, ENOMEM, "apt");
	}
	d->apt = steal_ptr(&options);
	return 0;
}
