/* What git says of a package's folder: the tag of a package with a Dockerfile, exactly as LinuxKit computes it, so that
 * the same checkout has the same name with either tool.
 *
 *   hash of the folder's tree in a commit (HEAD)
 *   with extra sources: SHA-1 of the text of that hash and the hashes of their trees, one behind the other
 *   where something in the folder is not committed: "-dirty-" and 7 digits of the SHA-256 of all its files' bytes,
 *     those that git knows first, then the others that it does not ignore
 *
 * git itself is asked, with the settings of whoever builds; it writes nothing and starts no monitor of files. It
 * refuses a repository of somebody else. A folder outside of git has no hash. */
#pragma once

#include <stdbool.h>

#include "error.h"

struct git_question {
	const char *dir;      /* the package's folder, absolute */
	const char *hash_dir; /* whose tree is hashed: that folder, or one above */
	const char *commit;   /* "HEAD" */
	char *const *extra;   /* folders of extra-sources, absolute; NULL: none */
	bool dirty;           /* as if something were not committed */
};

struct git_state {
	bool inside; /* of a work tree */
	bool dirty;
	char *hash; /* NULL: outside of git */
};

/* without_hash: only whether it is in git, and dirty. */
int git_ask(const struct git_question *q, bool without_hash, struct git_state *out, struct error *err);
void git_state_clear(struct git_state *g);

/* The commit that HEAD is; caller frees. */
char *git_revision(const char *dir, struct error *err);
/* A version for Go's modules, "v0.0.0-TIME-COMMIT"; caller frees. */
char *git_go_version(const char *dir, struct error *err);
/* The tag that HEAD has; NULL without an error: none, or several. Caller frees. */
char *git_tag(const char *dir, struct error *err);
