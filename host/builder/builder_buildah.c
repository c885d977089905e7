/* buildah: no daemon, and nothing of it outlives the build.
 *
 * Its storage is a folder of this build, so that neither the user's images nor another build's are seen or changed, and
 * so that all of it goes with the folder. The images that the Dockerfile names are archives in that folder, which the
 * box unpacks; buildah is told to pull nothing. RUN is in chroot isolation, which keeps a build apart from buildah and
 * not from the machine: that is what the box is for. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "builder_private.h"
#include "export.h"
#include "io.h"
#include "pull.h"
#include "str.h"

/* Versions that buildah knows something from. */
enum { KNOWS_HEREDOCS = 1033, KNOWS_GIT = 1034 };

static int buildah_refuse(const struct builder *b, unsigned line, const char *what, int from, const char *is,
			  struct error *err)
{
	return error_say(err, ENOTSUP,
			 "%s:%u: %s, which buildah knows from version %d.%d on (this one is %s): install that, or use "
			 "another builder (--builder docker, --builder buildctl)",
			 b->job->name, line, what, from / 1000, from % 1000, is);
}

static int buildah_version(char **text, struct error *err)
{
	struct error why = { 0 };
	int version = builder_version("buildah", text, &why);

	if (version >= 0)
		return version;
	return why.code == ENOENT
		? (error_clear(&why),
		   error_say(err, ENOENT,
			     "buildah is not installed (Debian package buildah): it builds what has a "
			     "Dockerfile, or another builder does (--builder docker, --builder buildctl)"))
		: error_move(err, &why);
}

/* What this buildah, or this user, cannot do. An older one would build a wrong image without a word. */
int buildah_check(struct builder *b, struct error *err)
{
	const struct dockerfile *d = &b->file;
	_cleanup_free_ char *text = NULL;
	int version;

	if (geteuid() != 0)
		return error_say(
			err, EPERM,
			"a Dockerfile is built by root, who can make users for it: use sudo, or another builder "
			"(--builder docker, --builder buildctl)");
	if (d->download && !b->job->network)
		return error_say(
			err, EPERM,
			"%s:%u: ADD of %s needs the network, which the package does not have: \"network: yes\" in "
			"build.yml or --network gives it",
			b->job->name, d->download_line, d->download);
	version = buildah_version(&text, err);
	if (version < 0)
		return -1;
	if (d->heredoc && version < KNOWS_HEREDOCS)
		return buildah_refuse(b, d->heredoc, "a here-document", KNOWS_HEREDOCS, text, err);
	if (d->download_git && version < KNOWS_GIT)
		return buildah_refuse(b, d->git_line, "ADD of a git repository", KNOWS_GIT, text, err);
	return 0;
}

static const char *storage_driver(void)
{
	const char *driver = getenv("STORAGE_DRIVER");

	return driver && *driver ? driver : "vfs";
}

/* The images as archives: PITH-BASE-N.tar. */
static int buildah_give(struct builder *b, struct error *err)
{
	size_t i;

	for (i = 0; i < b->base_count; i++) {
		const struct builder_base *base = &b->bases[i];
		_cleanup_free_ char *path = str_format("%s/%s.tar", b->temp.path, base->alias);

		if (!path)
			return error_set(err, ENOMEM, "%s", base->name);
		if (image_export(b->job->store, base->name, &base->platform, EXPORT_OCI, NULL, path, err) < 0)
			return error_wrap(err, "image %s", base->shown);
	}
	return 0;
}

/* Into the storage with them, then the rest of the words is run. $1: the folder, $2: the storage's driver. */
static const char give_script[] =
	"t=$1 driver=$2; shift 2\n"
	"for f in \"$t\"/pith-base-*.tar; do\n"
	"	[ -e \"$f\" ] || continue\n"
	"	name=${f##*/}\n"
	"	skopeo --insecure-policy copy -q \"oci-archive:$f\" \\\n"
	"		\"containers-storage:[$driver@$t/root+$t/run]localhost/${name%.tar}:latest\" || exit\n"
	"	rm \"$f\"\n"
	"done\n"
	"exec \"$@\"\n";

static int buildah_arguments(const struct builder *b, char ***argv, const char *out)
{
	static const char *const fixed[] = { "build",       "--isolation",
					     "chroot",      "--pull-never",
					     "--no-cache",  "--format",
					     "oci",         "--disable-compression=false",
					     "--timestamp", "0" };
	const struct builder_job *job = b->job;
	const char *t = b->temp.path;
	int failed = strv_add(argv, "sh") | strv_add(argv, "-c") | strv_add(argv, give_script) | strv_add(argv, "sh") |
		strv_add(argv, t) | strv_add(argv, storage_driver()) | strv_add(argv, "buildah") |
		strv_addf(argv, "--root=%s/root", t) | strv_addf(argv, "--runroot=%s/run", t) |
		strv_addf(argv, "--storage-driver=%s", storage_driver());
	size_t i;

	for (i = 0; i < array_len(fixed); i++)
		failed |= strv_add(argv, fixed[i]);
	failed |= strv_addf(argv, "--platform=%s", platform_text(&job->platform)) |
		strv_addf(argv, "--file=%s", b->path) | strv_addf(argv, "--ignorefile=%s", b->ignore) |
		argv_add_pairs(argv, "--build-arg", "", b->args) | argv_add_pairs(argv, "--label", "", job->labels) |
		strv_addf(argv, "--tag=dir:%s", out) | strv_add(argv, "--") | strv_add(argv, b->context);
	return failed ? -1 : 0;
}

/* What a build has written may be anybody's, too: nothing in it leads elsewhere. The build's processes have ended. */
static int buildah_check_result(const char *dir, struct error *err)
{
	_cleanup_strv_ char **names = dir_names(AT_FDCWD, dir, true, err);
	struct stat st;
	size_t i;

	for (i = 0; names && names[i]; i++) {
		_cleanup_free_ char *path = str_format("%s/%s", dir, names[i]);

		if (!path || lstat(path, &st) < 0)
			return error_set(err, path ? errno : ENOMEM, "%s", names[i]);
		if (!S_ISREG(st.st_mode) || st.st_nlink != 1)
			return error_say(err, EPERM, "the build's result has %s in it, which is no plain file",
					 names[i]);
	}
	return names ? 0 : -1;
}

int buildah_run(struct builder *b, struct oci_descriptor *out, struct error *err)
{
	_cleanup_free_ char *dir = str_format("%s/out", b->temp.path);
	_cleanup_strv_ char **argv = NULL;

	if (!dir || buildah_arguments(b, &argv, dir) < 0)
		return error_set(err, ENOMEM, "buildah");
	if (buildah_give(b, err) < 0 || box_run(b, argv, err) < 0 || buildah_check_result(dir, err) < 0)
		return -1;
	return image_take_directory(b->job->store, dir, out, err);
}
