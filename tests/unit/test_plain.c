/* Layers without their compression, beside the blobs: when they are kept, believed, made again and removed. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "image.h"
#include "image_write.h"
#include "io.h"
#include "layers.h"
#include "plain.h"
#include "str.h"
#include "tap.h"
#include "tree.h"

enum { CONTENT = 300000 };

static char dir[] = "/tmp/test_plain.XXXXXX";
static struct error err;
static bool fine;

/* Bytes that do not shrink: an image's blob is as large as they are. */
static uint8_t *noise(uint32_t seed)
{
	uint8_t *bytes = malloc(CONTENT);

	for (size_t i = 0; i < CONTENT; i++)
		bytes[i] = (uint8_t)((seed = seed * 1664525 + 1013904223) >> 24);
	return bytes;
}

/* An image with one file, "etc/noise". */
static void image_make(struct store *s, const char *name, uint32_t seed)
{
	static const struct tree_meta meta = { .mode = 0644 };
	_cleanup_free_ uint8_t *bytes = noise(seed);
	_cleanup_tree_ struct tree *t = tree_new(&err);
	struct image_spec spec = { .labels = json_object(), .platform = platform_host() };
	struct oci_descriptor d = { 0 };
	char *names[] = { (char *)name, NULL };

	tree_add_bytes(t, "etc/noise", &meta, bytes, CONTENT, &err);
	ok(image_write(s, t, &spec, &d, &err) == 0 && image_publish(s, &d, 1, names, false, NULL, CLAIM_ANY, &err) == 0,
	   "%s is made (%s)", name, error_text(&err));
	json_decref(spec.labels);
	oci_descriptor_clear(&d);
}

static struct image *image_of(struct store *s, const char *name)
{
	struct platform p = platform_host();

	return image_load(s, name, &p, &err);
}

static char *plain_path(const struct store *s, const struct image *img)
{
	return str_format("%s/plain/%s", store_path(s), img->manifest.layers[0].digest + strlen("sha256:"));
}

static bool content_right(const struct tree *t, uint32_t seed)
{
	_cleanup_free_ uint8_t *want = noise(seed);
	_cleanup_buf_ struct buf got = { 0 };
	const struct tree_node *n = tree_find(t, "etc/noise");

	return n && tree_read(n, CONTENT, &got, &err) == 0 && got.len == CONTENT &&
		memcmp(buf_bytes(&got), want, CONTENT) == 0;
}

static bool unpacks_right(const struct image *img, uint32_t seed)
{
	_cleanup_tree_ struct tree *t = tree_new(&err);

	return image_unpack(t, "", img, NULL, NULL, &err) == 0 && content_right(t, seed);
}

static bool is_there(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* A byte in the middle, or the end. The file has another time then: on kernels before 6.13 it changes only with the
 * clock's tick. */
static void file_damage(const char *path, const char *how)
{
	_cleanup_close_ int fd = open(path, O_RDWR | O_CLOEXEC);
	struct stat before, now;
	uint8_t byte;

	if (str_eq(how, "flip")) {
		io_pread(fd, &byte, 1, 100000);
		byte ^= 0x55;
		fstat(fd, &before);
		do
			if (pwrite(fd, &byte, 1, 100000) != 1 || fstat(fd, &now) < 0)
				return perror(path);
		while (now.st_ctim.tv_sec == before.st_ctim.tv_sec && now.st_ctim.tv_nsec == before.st_ctim.tv_nsec);
	} else if (ftruncate(fd, str_eq(how, "cut") ? 100000 : 0) < 0) {
		perror(path);
	}
}

static void test_kept(struct store *s)
{
	struct image *img = image_of(s, "one");
	_cleanup_free_ char *path = plain_path(s, img), *elsewhere = str_format("%s/elsewhere", dir);
	_cleanup_buf_ struct buf good = { 0 };
	static const char *const ways[] = { "flip", "cut", "empty" };

	ok(unpacks_right(img, 1) && is_there(path), "a layer is unpacked, and kept (%s)", error_text(&err));
	file_read(path, 1 << 20, &good, &err);
	ok(unpacks_right(img, 1), "and unpacked from what was kept");
	for (size_t i = 0; i < array_len(ways); i++) {
		_cleanup_buf_ struct buf again = { 0 };

		file_damage(path, ways[i]);
		ok(unpacks_right(img, 1), "one that is damaged (%s) is not believed", ways[i]);
		file_read(path, 1 << 20, &again, &err);
		ok(again.len == good.len && memcmp(buf_bytes(&again), buf_bytes(&good), good.len) == 0,
		   "but made again");
	}
	unlink(path);
	file_write(elsewhere, buf_bytes(&good), good.len, 0644, &err);
	ok(symlink(elsewhere, path) == 0 && unpacks_right(img, 1) && is_there(path), "a link is replaced");
	unlink(path);
	ok(mkfifo(path, 0600) == 0 && unpacks_right(img, 1) && is_there(path), "so is a fifo, which nobody waits for");
	unlink(path);
	ok(mkdir(path, 0700) == 0 && unpacks_right(img, 1), "a folder is in nobody's way");
	rmdir(path);
	image_free(img);
}

/* What happens to the file while a tree refers to it. */
static void test_under_way(struct store *s)
{
	struct image *img = image_of(s, "one");
	_cleanup_free_ char *path = plain_path(s, img);
	_cleanup_tree_ struct tree *t = tree_new(&err);

	ok(image_unpack(t, "", img, NULL, NULL, &err) == 0 && is_there(path), "a tree refers to a layer that is kept");
	file_damage(path, "flip");
	fine = !content_right(t, 1) && err.code == EBADMSG;
	ok(fine, "what changes afterwards is told: %s", error_text(&err));
	error_clear(&err);
	file_damage(path, "flip");
	ok(content_right(t, 1), "what has changed and is right again is right");
	unlink(path);
	ok(content_right(t, 1), "what is gone is read from the blob (%s)", error_text(&err));
	image_free(img);
}

/* path was used an hour ago. */
static void make_old(const char *path)
{
	struct timespec then[2] = { { time(NULL) - 3600, 0 }, { time(NULL) - 3600, 0 } };

	utimensat(AT_FDCWD, path, then, 0);
}

static void test_bounds(struct store *s)
{
	struct image *one = image_of(s, "one"), *two = image_of(s, "two");
	_cleanup_free_ char *first = plain_path(s, one), *second = plain_path(s, two);
	uint64_t blobs, bytes;

	setenv("PITH_CACHE_PLAIN", "0", 1);
	ok(unpacks_right(one, 1) && !is_there(first), "none is kept where there may be none");
	setenv("PITH_CACHE_PLAIN", "200K", 1);
	ok(unpacks_right(one, 1) && !is_there(first), "nor one that is larger than all may be");
	setenv("PITH_CACHE_PLAIN", "400K", 1);
	ok(unpacks_right(one, 1) && unpacks_right(two, 2) && is_there(first) && !is_there(second),
	   "what the same build uses makes no room for another");
	make_old(first);
	ok(unpacks_right(two, 2) && !is_there(first) && is_there(second), "what was not used for long does");
	setenv("PITH_CACHE_PLAIN", "1M", 1);
	ok(unpacks_right(one, 1) && is_there(first) && is_there(second), "both are kept where there is room");
	make_old(first);
	ok(unpacks_right(one, 1), "the first is used again");
	make_old(second);
	setenv("PITH_CACHE_PLAIN", "400K", 1);
	ok(unpacks_right(one, 1) && is_there(first), "and stays");
	setenv("PITH_CACHE_PLAIN", "1M", 1);
	image_free(one);
	image_free(two);
	unlink(second);
	mkdir(second, 0700); /* a folder that somebody has put there keeps nobody from it */
	ok(store_collect(s, &blobs, &bytes, &err) == 0 && blobs == 0 && bytes >= CONTENT && !is_there(first) &&
		   access(second, F_OK) < 0,
	   "the collection removes them, and counts them (%llu)", (unsigned long long)bytes);
}

/* A configuration may say what it likes. */
static void test_lies(struct store *s)
{
	static const char *const lies[] = {
		NULL,        "",
		"sha256:",   "sha256:../../../etc/passwd",
		"sha512:00", "sha256:0000000000000000000000000000000000000000000000000000000000000000",
	};
	struct image *img = image_of(s, "one");
	const struct oci_descriptor *layer = &img->manifest.layers[0];
	_cleanup_free_ char *folder = str_format("%s/plain", store_path(s));

	for (size_t i = 0; i < array_len(lies); i++) {
		_cleanup_source_ struct source *source =
			store_layer_source(s, layer->digest, layer->size, lies[i], &err);
		struct stream *in = source->open(source, &err);
		_cleanup_buf_ struct buf got = { 0 };
		_cleanup_strv_ char **names = NULL;

		ok(in && stream_read_all(in, 1 << 20, &got, &err) == 0 && got.len == layer->size,
		   "the blob is read, whatever the configuration says (%s)", lies[i] ? lies[i] : "nothing");
		stream_close(in);
		names = dir_names(AT_FDCWD, folder, true, NULL);
		ok(!names || !*names, "and nothing is kept");
	}
	image_free(img);
}

/* Or name what another image's layer has. */
static void test_foreign(struct store *s)
{
	struct image *one = image_of(s, "one"), *two = image_of(s, "two");
	const struct oci_descriptor *layer = &one->manifest.layers[0];
	_cleanup_free_ char *first = plain_path(s, one), *second = plain_path(s, two);

	for (int kept = 0; kept < 2; kept++) {
		_cleanup_source_ struct source *source = NULL;
		_cleanup_stream_ struct stream *in = NULL;
		_cleanup_buf_ struct buf got = { 0 };

		ok(unpacks_right(two, 2) && is_there(second) && (!kept || unpacks_right(one, 1)), "layers are kept");
		source = store_layer_source(s, layer->digest, layer->size, two->config.diff_ids[0], &err);
		in = source->open(source, &err);
		ok(in && stream_read_all(in, 1 << 20, &got, &err) == 0 && got.len == layer->size && !is_there(first),
		   "a layer that is said to have another one's content is read from its blob");
		stream_close(steal_ptr(&in));
		ok(unpacks_right(one, 1) && is_there(first) && (in = source->open(source, &err)) &&
			   stream_drain(in, &err) == 0,
		   "also when the right content is kept later");
	}
	unlink(second);
	image_free(one);
	image_free(two);
}

int main(void)
{
	_cleanup_free_ char *cache = NULL;
	struct store *s;

	if (!mkdtemp(dir))
		return 1;
	setenv("PITH_CACHE_PLAIN", "1M", 1); /* else the disk's free room counts */
	cache = str_format("%s/cache", dir);
	s = store_open(cache, &err);
	if (!ok(s != NULL, "a cache is made"))
		return tap_done();
	image_make(s, "one", 1);
	image_make(s, "two", 2);
	test_lies(s);
	test_foreign(s);
	test_kept(s);
	test_under_way(s);
	test_bounds(s);
	store_close(s);
	error_clear(&err);
	dir_remove(dir, NULL);
	return tap_done();
}
