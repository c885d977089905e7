/* Every file as it goes by: digests of all of them (hasher.c), and the content of databases.
 *
 *   watch_file()   the file before is whole (file_end), this one begins (file_begin)
 *   watch_data()   its bytes
 *   watch_last()   the last one is whole; the assembly has the SBOM written
 *
 * The image of a file is what its tree says of its origin. */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "collect_private.h"
#include "str.h"

struct sbom {
	struct tree_watch watch; /* first: the tree gives it back */
	struct model model;
	const struct tree *tree;
	int (*last)(void *data, struct error *err);
	void *data;
	struct hasher *hasher;
	/* the file that goes by */
	bool open;
	struct file_entry file;
	struct database_file database;
	struct buf content;
	/* the image of the origin that came last */
	uint32_t origin, origin_image;
	char **doubts;
};

/* What LinuxKit makes of the lists of several images' packages: each is read on its own. */
static const char merged_apk[] = "LINUXKIT.apkinit";

static int file_begin(struct sbom *s, const char *path, uint32_t image, const struct tree_inode *inode,
		      struct error *err)
{
	const char *copy = model_text(&s->model, path, strlen(path));

	if (!copy)
		return error_set(err, ENOMEM, "SBOM");
	s->file = (struct file_entry){ .path = copy, .inode = inode, .image = image, .seen = true };
	database_match(copy, &s->database);
	s->database.image = image;
	buf_clear(&s->content);
	s->open = true;
	return 0;
}

static int file_data(struct sbom *s, const void *data, size_t n, struct error *err)
{
	hasher_add(s->hasher, data, n);
	if (s->database.kind == DATABASE_NONE || s->database.kind == DATABASE_RPM_BDB)
		return 0;
	if (s->database.kind == DATABASE_KERNEL) {
		size_t room = s->content.len < KERNEL_HEAD ? KERNEL_HEAD - s->content.len : 0;

		n = n < room ? n : room; /* the header is all that is looked at */
	}
	if (s->content.len + n > DATABASE_MAX) {
		s->database.kind = DATABASE_NONE;
		return strv_addf(&s->doubts, "/%s: larger than %d MiB: packages of it are missing in the SBOM",
				 s->file.path, DATABASE_MAX >> 20) < 0
			? error_set(err, ENOMEM, "SBOM")
			: 0;
	}
	return buf_add(&s->content, data, n) < 0 ? error_set(err, ENOMEM, "SBOM") : 0;
}

static int file_end(struct sbom *s, struct error *err)
{
	struct file_entry *entry;

	if (!s->open)
		return 0;
	s->open = false;
	s->file.number = hasher_end(s->hasher);
	entry = LIST_ADD(s->model.files);
	if (!entry)
		return error_set(err, ENOMEM, "SBOM");
	*entry = s->file;
	if (s->database.kind == DATABASE_NONE)
		return 0;
	if (database_read(&s->model, &s->database, &s->content, &s->doubts, err) < 0)
		return -1;
	buf_free(&s->content); /* a large one is not kept for the small ones that follow */
	return 0;
}

/* --- the watch --- */

/* False: nothing of the machine's own, such as a CD's boot loader. */
static bool origin_image(struct sbom *s, const struct tree_inode *inode, uint32_t *image)
{
	const struct tree_origin *origin = tree_origin(s->tree, inode);

	if (!origin)
		return false;
	if (inode->origin != s->origin) {
		s->origin = inode->origin;
		s->origin_image = model_image(&s->model, origin->source);
	}
	*image = s->origin_image;
	return true;
}

static int watch_file(struct tree_watch *w, const char *path, const struct tree_inode *inode, bool again,
		      struct error *err)
{
	struct sbom *s = (struct sbom *)w;
	uint32_t image = IMAGE_NONE;

	if (file_end(s, err) < 0)
		return -1;
	if (!origin_image(s, inode, &image))
		return 0;
	if (again) {
		struct file_entry *entry = LIST_ADD(s->model.files);
		const char *copy = model_text(&s->model, path, strlen(path));

		if (!entry || !copy)
			return error_set(err, ENOMEM, "SBOM");
		*entry = (struct file_entry){ .path = copy, .inode = inode, .image = image };
		return 0;
	}
	if (file_begin(s, path, image, inode, err) < 0)
		return -1;
	if (str_eq(tree_origin(s->tree, inode)->source, merged_apk))
		s->database.kind = DATABASE_NONE;
	return 0;
}

static int watch_data(struct tree_watch *w, const void *data, size_t n, struct error *err)
{
	struct sbom *s = (struct sbom *)w;

	return s->open ? file_data(s, data, n, err) : 0;
}

static int watch_last(struct tree_watch *w, struct error *err)
{
	struct sbom *s = (struct sbom *)w;

	return file_end(s, err) < 0 ? -1 : s->last(s->data, err);
}

struct tree_watch *sbom_watch(struct sbom *s, const struct tree *t, int (*last)(void *data, struct error *err),
			      void *data)
{
	s->watch = (struct tree_watch){ .file = watch_file, .data = watch_data, .last = watch_last };
	s->tree = t;
	s->last = last;
	s->data = data;
	return &s->watch;
}

/* --- what is added --- */

static char *time_text(int64_t seconds)
{
	time_t t = (time_t)seconds;
	char text[40];
	struct tm tm;

	if (!gmtime_r(&t, &tm) || !strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm))
		return NULL;
	return strdup(text);
}

struct sbom *sbom_new(const char *version, int64_t created, struct error *err)
{
	struct sbom *s = calloc(1, sizeof(*s));

	if (s) {
		s->model.version = strdup(version);
		s->model.created = time_text(created);
		if (s->model.version && s->model.created) {
			s->hasher = hasher_new(err);
			if (s->hasher)
				return s;
			sbom_free(s);
			return NULL;
		}
	}
	sbom_free(s);
	error_set(err, ENOMEM, "SBOM");
	return NULL;
}

void sbom_free(struct sbom *s)
{
	if (!s)
		return;
	model_clear(&s->model);
	hasher_free(s->hasher);
	buf_free(&s->content);
	strv_free(s->doubts);
	free(s);
}

int sbom_add_image(struct sbom *s, const struct sbom_image *image, struct error *err)
{
	uint32_t number = model_image(&s->model, image->name);
	struct image_entry *e;

	if (number != IMAGE_NONE) {
		s->model.images.list[number].kernel |= image->kernel;
		return 0;
	}
	e = LIST_ADD(s->model.images);
	if (!e)
		return error_set(err, ENOMEM, "SBOM");
	*e = (struct image_entry){ .name = strdup(image->name),
				   .digest = strdup(image->digest),
				   .arch = strdup(image->arch ? image->arch : ""),
				   .kernel = image->kernel };
	if (!e->name || !e->digest || !e->arch ||
	    (image->licence &&
	     licence_expression((struct slice){ image->licence, strlen(image->licence) }, &s->model.refs, &e->licence) <
		     0))
		return error_set(err, ENOMEM, "SBOM");
	return 0;
}

/* Everything of a file that has begun, but its end. */
static int file_read(struct sbom *s, const struct tree_node *file, struct error *err)
{
	enum { PART = 64 << 10 };
	_cleanup_stream_ struct stream *in = tree_open(file, err);
	_cleanup_free_ uint8_t *part = malloc(PART);
	ssize_t n;

	if (!in)
		return -1;
	if (!part)
		return error_set(err, ENOMEM, "SBOM");
	while ((n = stream_read(in, part, PART, err)) > 0)
		if (file_data(s, part, (size_t)n, err) < 0)
			return -1;
	return n < 0 ? -1 : 0;
}

int sbom_add_file(struct sbom *s, const char *path, const char *image, const struct tree_node *file, struct error *err)
{
	uint32_t number = image ? model_image(&s->model, image) : IMAGE_NONE;

	if (file_end(s, err) < 0 || file_begin(s, path, number, file->inode, err) < 0 || file_read(s, file, err) < 0)
		return -1;
	return file_end(s, err);
}

int sbom_add_database(struct sbom *s, const char *path, const char *image, const struct tree_node *file,
		      struct error *err)
{
	if (file_end(s, err) < 0 || file_begin(s, path, model_image(&s->model, image), file->inode, err) < 0 ||
	    file_read(s, file, err) < 0)
		return -1;
	s->open = false; /* it is no file of the machine */
	hasher_end(s->hasher);
	return database_read(&s->model, &s->database, &s->content, &s->doubts, err);
}

char *const *sbom_doubts(const struct sbom *s)
{
	return s->doubts;
}

static int hashes_fill(struct sbom *s, struct error *err)
{
	const struct hashes *results = hasher_results(s->hasher, err);

	if (!results && s->model.files.count)
		return -1;
	for (size_t i = 0; i < s->model.files.count; i++) {
		struct file_entry *f = &s->model.files.list[i];

		if (!f->seen)
			continue;
		memcpy(f->sha1, results[f->number].sha1, SHA1_SIZE);
		memcpy(f->sha256, results[f->number].sha256, SHA256_SIZE);
	}
	return 0;
}

int sbom_write(struct sbom *s, enum sbom_format format, int fd, struct error *err)
{
	if (!s->model.finished && (hashes_fill(s, err) < 0 || model_finish(&s->model, err) < 0))
		return -1;
	return model_write(&s->model, format, fd, err);
}
