/* Reading of build.yml: parsed and decoded as LinuxKit does it, then checked. */
#include "recipe.h"

#include <assert.h>
#include <errno.h>
#include <unistd.h>

#include "fields.h"
#include "io.h"
#include "parse.h"
#include "str.h"

/* A build.yml is a page of text. */
#define RECIPE_MAX (1u << 20)

static const struct field pkg_file_fields[] = {
	[PKG_FILE_PATH] = { "path", FIELD_STRING, FIELD_REQUIRED, .example = "usr/bin/hello",
			    .help = "Where it is in the image." },
	[PKG_FILE_SOURCE] = { "source", FIELD_STRING, .example = "redis.conf",
			      .help = "File or directory of the host, relative to build.yml: below its folder, or what "
				      "extra-sources names." },
	[PKG_FILE_CONTENTS] = { "contents", FIELD_STRING, .help = "The file's text." },
	[PKG_FILE_SYMLINK] = { "symlink", FIELD_STRING, .example = "hello", .help = "Target of a symbolic link." },
	[PKG_FILE_DIRECTORY] = { "directory", FIELD_BOOL, .example = "true", .help = "An empty directory." },
	[PKG_FILE_MODE] = { "mode", FIELD_STRING, .example = "\"0755\"",
			    .help = "Permissions, octal digits in quotes; by default 0755 for what is executable and "
				    "0644 "
				    "for what is not." },
	[PKG_FILE_UID] = { "uid", FIELD_INT, .max = UINT32_MAX, .help = "Owner; 0 by default." },
	[PKG_FILE_GID] = { "gid", FIELD_INT, .max = UINT32_MAX, .help = "Group; 0 by default." },
};
const struct record pkg_file_record = { "pkgfile", pkg_file_fields, PKG_FILE_COUNT };
static_assert(array_len(pkg_file_fields) == PKG_FILE_COUNT, "every number has its field");

static const struct field pkg_debian_fields[] = {
	[PKG_DEBIAN_PACKAGES] = { "packages", FIELD_STRINGS, FIELD_REQUIRED, .example = "[redis-tools]",
				  .help = "Packages of the distribution that files are taken from." },
	[PKG_DEBIAN_INCLUDE] = { "include", FIELD_STRINGS, .example = "[/usr/bin/redis-*]",
				 .help = "Patterns of paths to take, a directory with all that is in it; everything by "
					 "default." },
	[PKG_DEBIAN_EXCLUDE] = { "exclude", FIELD_STRINGS, .example = "[/usr/share/doc]",
				 .help = "Patterns of paths to leave out." },
	[PKG_DEBIAN_LIBRARIES] = { "libraries", FIELD_BOOL, .example = "true",
				   .help = "Add the shared libraries that the programs need, from the packages they "
					   "depend on." },
};
const struct record pkg_debian_record = { "pkgdebian", pkg_debian_fields, PKG_DEBIAN_COUNT };
static_assert(array_len(pkg_debian_fields) == PKG_DEBIAN_COUNT, "every number has its field");

static const struct field images_fields[] = {
	[PKG_IMAGES_TARGET_DIR] = { "target-dir", FIELD_STRING, .example = "images",
				    .help = "Folder that gets an archive of each image, NAME@DIGEST.tar." },
	[PKG_IMAGES_TARGET] = { "target", FIELD_STRING, .example = "images.tar",
				.help = "Archive that gets all images." },
	[PKG_IMAGES_FROM_FILE] = { "from-file", FIELD_STRING, .example = "images.lst",
				   .help = "File of the package that names them, one a line." },
	[PKG_IMAGES_LIST] = { "list", FIELD_STRINGS, .help = "The images, each with its digest." },
};
static const struct record images_record = { "dockerimages", images_fields, PKG_IMAGES_COUNT };
static_assert(array_len(images_fields) == PKG_IMAGES_COUNT, "every number has its field");
static const struct field depends_fields[] = {
	[PKG_DEPENDS_IMAGES] = { "docker-images", FIELD_RECORD, 0, &images_record,
				 .help = "Images that the Dockerfile finds as archives among its files." },
};
static const struct record depends_record = { "depends", depends_fields, PKG_DEPENDS_COUNT };
static_assert(array_len(depends_fields) == PKG_DEPENDS_COUNT, "every number has its field");

static const struct field recipe_fields[] = {
	[RECIPE_IMAGE] = { "image", FIELD_STRING, FIELD_REQUIRED, .example = "redis", .help = "Name of the image." },
	[RECIPE_ORG] = { "org", FIELD_STRING, .example = "pith",
			 .help = "What stands before the name; pith by default, linuxkit for a package with a "
				 "Dockerfile." },
	[RECIPE_TAG] = { "tag", FIELD_STRING, .example = "\"{{.Hash}}\"",
			 .help = "The tag; {{.Hash}} in it is the hash of all inputs, and the default." },
	[RECIPE_ARCHES] = { "arches", FIELD_STRINGS, .example = "[amd64, arm64]",
			    .help = "Architectures it can be built for; amd64 and arm64 by default." },
	[RECIPE_CONFIG] = { "config", FIELD_RECORD, 0, &label_record,
			    .help = "How a container of the image runs where the YAML does not say: label "
				    "org.mobyproject.config." },
	[RECIPE_FILES] = { "files", FIELD_RECORDS, 0, &pkg_file_record, .help = "Files of the image." },
	[RECIPE_DEBIAN] = { "debian", FIELD_RECORD, 0, &pkg_debian_record, .help = "Files from Debian packages." },
	[RECIPE_ENTRYPOINT] = { "entrypoint", FIELD_STRINGS, .example = "[/usr/bin/redis-server]",
				.help = "Program to run." },
	[RECIPE_CMD] = { "cmd", FIELD_STRINGS, .example = "[--save, \"\"]",
			 .help = "Its arguments, or the program with them." },
	[RECIPE_ENV] = { "env", FIELD_STRINGS, .example = "[\"LANG=C.UTF-8\"]", .help = "Environment." },
	[RECIPE_WORKDIR] = { "workdir", FIELD_STRING, .example = "/", .help = "Working directory." },
	[RECIPE_USER] = { "user", FIELD_STRING, .example = "\"999\"", .help = "User the image asks for." },
	[RECIPE_LABELS] = { "labels", FIELD_TEXTS, .help = "Labels of the image." },
	[RECIPE_DOCKERFILE] = { "dockerfile", FIELD_STRING, .example = "Dockerfile.small",
				.help = "What makes the image, in the folder or below; Dockerfile by default." },
	[RECIPE_EXTRA_SOURCES] = { "extra-sources", FIELD_STRINGS, .example = "[\"../common:/common\"]",
				   .help = "SOURCE:DESTINATION: folders from outside of the package, and where a "
					   "Dockerfile finds them." },
	[RECIPE_GITREPO] = { "gitrepo", FIELD_STRING, .example = "https://example.com/repository",
			     .help = "Where the package is kept: a label of the image, and the build argument "
				     "SOURCE." },
	[RECIPE_NETWORK] = { "network", FIELD_BOOL, .example = "true",
			     .help = "Whether a Dockerfile's RUN has a network; it has none by default." },
	[RECIPE_DISABLE_CACHE] = { "disable-cache", FIELD_BOOL, .example = "true",
				   .help = "Whether every step of a Dockerfile is run anew." },
	[RECIPE_BUILD_ARGS] = { "buildArgs", FIELD_STRINGS, .example = "[\"VERSION=1\"]",
				.help = "Values of a Dockerfile's ARG." },
	[RECIPE_DEPENDS] = { "depends", FIELD_RECORD, 0, &depends_record, .help = "What a Dockerfile's build needs." },
};
static_assert(array_len(recipe_fields) == RECIPE_COUNT, "every number has its field");
const struct record recipe_record = { "package", recipe_fields, RECIPE_COUNT };

/* What a file is, is said by exactly one of these. */
static void check_file(struct recipe *r, const struct node *n, const struct where *where)
{
	static const int kinds[] = { PKG_FILE_SOURCE, PKG_FILE_CONTENTS, PKG_FILE_SYMLINK, PKG_FILE_DIRECTORY };
	const char *mode = node_text(n, PKG_FILE_MODE);
	size_t i, given = 0;

	for (i = 0; i < array_len(kinds); i++)
		given +=
			node_field(n, kinds[i]) && (kinds[i] != PKG_FILE_DIRECTORY || node_true(n, PKG_FILE_DIRECTORY));
	if (given != 1)
		diag_error(&r->diags, n->at, where,
			   "one of source, contents, symlink or \"directory: true\" is needed%s",
			   given ? ", not several" : "");
	if (mode && (!*mode || strlen(mode) > 5 || strspn(mode, "01234567") != strlen(mode)))
		diag_error(&r->diags, node_field(n, PKG_FILE_MODE)->at, where,
			   "mode \"%s\" is not octal, as in \"0755\"", mode);
}

static void check_files(struct recipe *r)
{
	const struct node *files = node_field(r->root, RECIPE_FILES);
	struct where list = { .key = "files" };
	size_t i;

	for (i = 0; files && i < files->count; i++) {
		struct where item = { .up = &list, .index = i, .label = node_text(files->items[i], PKG_FILE_PATH) };

		check_file(r, files->items[i], &item);
	}
}

/* Go's words for the machines that Linux runs on. */
static void check_arches(struct recipe *r)
{
	static const char *const known[] = { "amd64",  "arm64",  "riscv64",  "386",   "arm",     "loong64", "mips",
					     "mipsle", "mips64", "mips64le", "ppc64", "ppc64le", "s390x" };
	const struct node *arches = node_field(r->root, RECIPE_ARCHES);
	size_t i, k;

	for (i = 0; arches && i < arches->count; i++) {
		for (k = 0; k < array_len(known) && !str_eq(arches->items[i]->text, known[k]); k++)
			;
		if (k == array_len(known))
			diag_error(&r->diags, arches->items[i]->at, &(struct where){ .key = "arches" },
				   "unknown architecture \"%s\": amd64, arm64, riscv64 and Go's other names of them "
				   "are known",
				   arches->items[i]->text);
	}
}

/* A Dockerfile says itself what the image is started with. */
static void check_dockerfile(struct recipe *r)
{
	static const int fields[] = { RECIPE_ENTRYPOINT, RECIPE_CMD,  RECIPE_ENV,
				      RECIPE_WORKDIR,    RECIPE_USER, RECIPE_LABELS };
	const struct node *n;
	size_t i;

	for (i = 0; i < array_len(fields); i++)
		if ((n = node_field(r->root, fields[i])))
			diag_error(&r->diags, n->at, &(struct where){ .key = recipe_fields[fields[i]].key },
				   "the Dockerfile says that: this is for packages of files");
}

bool recipe_parse(struct recipe *r, const char *name, char *text, size_t len)
{
	struct node *root;

	r->file = (struct text_file){ .name = strdup(name), .text = text, .len = len };
	root = r->file.name ? yaml_parse(&r->file, &r->arena, &r->diags) : NULL;
	if (!root)
		return false;
	if (!schema_decode(root, &recipe_record, NULL, &r->arena, &r->diags))
		return false;
	r->root = root;
	check_files(r);
	check_arches(r);
	return r->diags.errors == 0;
}

const char *recipe_dockerfile(const struct recipe *r, const char *given)
{
	const char *named = given ? given : node_text(r->root, RECIPE_DOCKERFILE);
	_cleanup_free_ char *usual = str_format("%s/Dockerfile", r->dir);

	if (node_field(r->root, RECIPE_FILES) || node_field(r->root, RECIPE_DEBIAN))
		return NULL;
	if (named && *named)
		return named;
	return usual && access(usual, F_OK) == 0 ? "Dockerfile" : NULL;
}

bool recipe_load(struct recipe *r, const char *dir, const char *name, struct error *err)
{
	_cleanup_(buf_free) struct buf text = { 0 };
	_cleanup_free_ char *path = str_format("%s/%s", dir, name);
	size_t len;

	r->dir = strdup(dir);
	if (!path || !r->dir) {
		error_set(err, ENOMEM, "%s", dir);
		return false;
	}
	if (file_read(path, RECIPE_MAX, &text, err) < 0)
		return false;
	len = text.len;
	if (!recipe_parse(r, path, buf_steal_text(&text), len))
		return false;
	if (recipe_dockerfile(r, NULL))
		check_dockerfile(r);
	return r->diags.errors == 0;
}

void recipe_clear(struct recipe *r)
{
	arena_free(&r->arena);
	diags_free(&r->diags);
	free(r->file.name);
	free(r->file.text);
	free(r->dir);
	free(r->real_dir);
	strv_free(r->extra);
	strv_free(r->extra_texts);
	strv_free(r->allowed);
	strv_free(r->twins);
	*r = (struct recipe){ 0 };
}

char **recipe_strings(const struct node *n, size_t field, bool *failed)
{
	const struct node *list = node_field(n, field);
	char **v = NULL;
	size_t i;

	if (!list)
		return NULL;
	v = calloc(1, sizeof(*v)); /* an empty list is not an absent one */
	for (i = 0; v && i < list->count; i++)
		if (strv_add(&v, list->items[i]->text) < 0) {
			strv_free(v);
			v = NULL;
		}
	if (!v)
		*failed = true;
	return v;
}
