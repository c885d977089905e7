/* Questions to git, one process each. */
#include "git.h"

#include <ctype.h>
#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "buf.h"
#include "digest.h"
#include "spawn.h"
#include "str.h"
#include "toollog.h"

extern char **environ;

/* The names of a folder's files; more is no package. */
enum { LIST_MAX = 32 << 20 };
#define GIT_TIMEOUT_US (300 * 1000000ULL)

/* Its messages are looked into. */
static char **git_environment(void)
{
	_cleanup_strv_ char **env = strv_copy(environ);

	return env && strv_add(&env, "LC_ALL=C") == 0 ? steal_ptr(&env) : NULL;
}

/* git -C DIR ...: its exit status, or -1. *why: what it said where it failed, to be freed. */
static int git_run(const char *dir, const char *const *words, struct buf *output, char **why, struct error *err)
{
	/* A folder may be anybody's: what its configuration names is not run. */
	static const char *const first[] = { "git", "--no-optional-locks",     "-c", "core.fsmonitor=false",
					     "-c",  "log.showSignature=false", "-C" };
	_cleanup_strv_ char **argv = NULL, **env = git_environment();
	_cleanup_close_ int log = toollog_open(err);
	struct spawn_fd fds[] = { { log, 2 } };
	struct spawn s = { .path = "git", .fds = fds, .fd_count = 1, .stdout_only = true };
	_cleanup_buf_ struct buf unused = { 0 };
	struct error failure = { 0 };
	int failed = env ? 0 : -1, status;
	size_t i;

	if (log < 0)
		return -1;
	for (i = 0; i < array_len(first); i++)
		failed |= strv_add(&argv, first[i]);
	failed |= strv_add(&argv, dir);
	for (i = 0; words[i]; i++)
		failed |= strv_add(&argv, words[i]);
	if (failed)
		return error_set(err, ENOMEM, "git");
	s.argv = argv;
	s.env = env;
	status = spawn_wait(&s, output ? output : &unused, LIST_MAX, GIT_TIMEOUT_US, &failure);
	if (status < 0)
		return failure.code == ENOENT
			? error_say(err, ENOENT,
				    "git is not installed: the tag of a package with a Dockerfile "
				    "is what git says of its folder (--hash gives another)")
			: error_move(err, &failure);
	if (status && why)
		*why = toollog_reason(log);
	return spawn_status_code(status);
}

/* The first line of an answer; NULL with an error. */
static char *git_line(const char *dir, const char *const *words, struct error *err)
{
	_cleanup_buf_ struct buf output = { 0 };
	_cleanup_free_ char *why = NULL;
	int status = git_run(dir, words, &output, &why, err);

	if (status > 0)
		error_say(err, 0, "git %s in %s: %s", words[0], dir, why ? why : "failed");
	return status == 0 ? strndup(buf_text(&output), strcspn(buf_text(&output), "\n")) : NULL;
}

/* 1: a folder of a work tree. Of a folder that git does not trust it knows nothing, which is no reason to call the
 * package something else. */
static int git_is_inside(const char *dir, struct error *err)
{
	static const char *const words[] = { "rev-parse", "--is-inside-work-tree", NULL };
	_cleanup_buf_ struct buf output = { 0 };
	_cleanup_free_ char *why = NULL;
	int status = git_run(dir, words, &output, &why, err);

	if (status < 0)
		return -1;
	if (status && why && strstr(why, "safe.directory"))
		return error_say(err, EPERM,
				 "git does not trust %s, which belongs to another user: git config --global --add "
				 "safe.directory FOLDER, or --hash TEXT",
				 dir);
	if (status)
		return 0;
	return str_starts(buf_text(&output), "true") ? 1 : error_say(err, 0, "%s is inside of git's own folder", dir);
}

/* The tree of the folder in the commit. */
static char *git_tree(const char *dir, const char *commit, struct error *err)
{
	_cleanup_free_ char *name = str_format("%s:./", commit);
	const char *const words[] = { "rev-parse", "--verify", "--quiet", name, NULL };
	_cleanup_buf_ struct buf output = { 0 };
	char *tree;
	int status;

	if (!name || *commit == '-') {
		error_say(err, EINVAL, "--hash-commit %s is no commit", commit);
		return NULL;
	}
	status = git_run(dir, words, &output, NULL, err);
	if (status < 0)
		return NULL;
	tree = strndup(buf_text(&output), strcspn(buf_text(&output), "\n"));
	if (status == 0 && tree && *tree)
		return tree;
	free(tree);
	error_say(err, ENOENT, "%s is not in git's commit %s: commit it, or give a hash (--hash TEXT)", dir, commit);
	return NULL;
}

/* --- what is not committed -------------------------------------------------------------------------------------- */

/* Filters of the folder's own configuration would be run on files whose times have changed. Those of the user's are
 * his. One that is empty is no filter: "-c NAME=" for each. */
static char **filters_off(const char *dir, struct error *err)
{
	static const char *const words[] = {
		"config",      "--local",      "--includes",
		"--name-only", "--get-regexp", "^filter\\..*\\.(clean|smudge|process|required)$",
		NULL
	};
	_cleanup_buf_ struct buf output = { 0 };
	_cleanup_strv_ char **names = NULL, **options = calloc(1, sizeof(*options));
	size_t i;

	/* 1: there are none */
	if (git_run(dir, words, &output, NULL, err) < 0)
		return NULL;
	names = strv_split(buf_text(&output), "\n");
	for (i = 0; options && names && names[i]; i++)
		if (strv_add(&options, "-c") < 0 || strv_addf(&options, "%s=", names[i]) < 0)
			strv_free(steal_ptr(&options));
	if (!options || !names)
		error_set(err, ENOMEM, "git");
	return names ? steal_ptr(&options) : NULL;
}

static int git_is_changed(const char *dir, struct error *err)
{
	static const char *const changed[] = { "diff",
					       "--no-ext-diff",
					       "--no-textconv",
					       "--ignore-submodules=dirty",
					       "--exit-code",
					       "--quiet",
					       "HEAD",
					       "--",
					       "." };
	_cleanup_strv_ char **words = filters_off(dir, err);
	size_t i;

	for (i = 0; words && i < array_len(changed); i++)
		if (strv_add(&words, changed[i]) < 0)
			return error_set(err, ENOMEM, "git");
	return words ? git_run(dir, (const char *const *)words, NULL, NULL, err) : -1;
}

static int git_is_dirty(const char *dir, struct error *err)
{
	static const char *const unknown[] = { "ls-files", "--exclude-standard", "--others", "--", ".", NULL };
	_cleanup_buf_ struct buf output = { 0 };
	int status = git_is_changed(dir, err);

	if (status)
		return status < 0 ? -1 : 1;
	status = git_run(dir, unknown, &output, NULL, err);
	return status < 0 ? -1 : status == 0 && output.len;
}

/* Names as git prints them, one a line: one that git quotes is not found again, and counts for nothing; so it is with
 * LinuxKit. */
static int git_content_hash(const char *dir, char hex[static DIGEST_HEX], struct error *err)
{
	static const char *const known[] = { "ls-files", NULL };
	static const char *const unknown[] = { "ls-files", "--exclude-standard", "--others", NULL };
	_cleanup_buf_ struct buf list = { 0 };
	_cleanup_strv_ char **names = NULL, **paths = NULL;
	size_t i;

	if (git_run(dir, known, &list, NULL, err) != 0 || git_run(dir, unknown, &list, NULL, err) != 0)
		return err && err->msg ? -1 : error_say(err, 0, "git ls-files in %s failed", dir);
	if (list.len >= LIST_MAX)
		return error_say(err, EFBIG, "%s: too many files", dir);
	names = strv_split(buf_text(&list), "\n");
	for (i = 0; names && names[i]; i++)
		if (strv_addf(&paths, "%s/%s", dir, names[i]) < 0)
			return error_set(err, ENOMEM, "%s", dir);
	if (!names)
		return error_set(err, ENOMEM, "%s", dir);
	return digest_joined(paths, hex, err);
}

/* --- the hash --------------------------------------------------------------------------------------------------- */

static char *hash_of_text(const char *text)
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	char hex[41];
	int i;

	if (EVP_Digest(text, strlen(text), sum, NULL, EVP_sha1(), NULL) != 1)
		return NULL;
	for (i = 0; i < 20; i++)
		sprintf(hex + 2 * i, "%02x", sum[i]);
	return strdup(hex);
}

/* The trees of the extra sources behind that of the package. */
static char *git_trees(const struct git_question *q, struct error *err)
{
	_cleanup_buf_ struct buf all = { 0 };
	_cleanup_free_ char *own = git_tree(q->hash_dir, q->commit, err);
	size_t i;

	if (!own || !q->extra || !q->extra[0])
		return steal_ptr(&own);
	if (buf_addstr(&all, own) < 0)
		return NULL;
	for (i = 0; q->extra[i]; i++) {
		_cleanup_free_ char *tree = NULL;
		int inside = git_is_inside(q->extra[i], err);

		if (inside == 0)
			error_say(err, ENOENT, "extra-sources: %s is not in git, and so it has no hash", q->extra[i]);
		tree = inside > 0 ? git_tree(q->extra[i], q->commit, err) : NULL;
		if (!tree || buf_addstr(&all, tree) < 0)
			return NULL;
	}
	return hash_of_text(buf_text(&all));
}

int git_ask(const struct git_question *q, bool without_hash, struct git_state *out, struct error *err)
{
	_cleanup_free_ char *trees = NULL;
	char content[DIGEST_HEX];
	int inside = git_is_inside(q->dir, err), dirty = 0;

	*out = (struct git_state){ .inside = inside > 0 };
	if (inside <= 0)
		return inside;
	if (str_eq(q->commit, "HEAD"))
		dirty = git_is_dirty(q->hash_dir, err);
	if (dirty < 0)
		return -1;
	out->dirty = dirty || q->dirty;
	if (without_hash)
		return 0;
	trees = git_trees(q, err);
	if (!trees)
		return err && err->msg ? -1 : error_set(err, ENOMEM, "%s", q->dir);
	if (!out->dirty) {
		out->hash = steal_ptr(&trees);
		return 0;
	}
	if (git_content_hash(q->dir, content, err) < 0)
		return -1;
	out->hash = str_format("%s-dirty-%.7s", trees, content);
	return out->hash ? 0 : error_set(err, ENOMEM, "%s", q->dir);
}

void git_state_clear(struct git_state *g)
{
	free(g->hash);
	*g = (struct git_state){ 0 };
}

/* --- what a build is told --------------------------------------------------------------------------------------- */

char *git_revision(const char *dir, struct error *err)
{
	static const char *const words[] = { "rev-parse", "HEAD", NULL };

	return git_line(dir, words, err);
}

/* LinuxKit looks for a tag of the form of a version, too, by a pattern that is quoted once too often and matches none:
 * so its version is always v0.0.0. */
char *git_go_version(const char *dir, struct error *err)
{
	static const char *const words[] = {
		"--no-pager",      "show", "--quiet", "--abbrev=12", "--date=format-local:%Y%m%d%H%M%S",
		"--format=%cd-%h", NULL
	};
	_cleanup_free_ char *line = git_line(dir, words, err);
	char *version = line ? str_format("v0.0.0-%s", line) : NULL;

	if (line && !version)
		error_set(err, ENOMEM, "%s", dir);
	return version;
}

char *git_tag(const char *dir, struct error *err)
{
	static const char *const words[] = { "tag", "-l", "--points-at", "HEAD", NULL };
	_cleanup_buf_ struct buf output = { 0 };
	const char *text;
	size_t n;

	if (git_run(dir, words, &output, NULL, err) != 0)
		return NULL;
	text = buf_text(&output);
	n = strcspn(text, "\n");
	return n && str_eq(text + n, "\n") ? strndup(text, n) : NULL;
}
