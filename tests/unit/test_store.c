/* The cache: names, blobs, images written and collected. Archives of other tools are tests/bats/cache.bats. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "export.h"
#include "image.h"
#include "image_write.h"
#include "import.h"
#include "io.h"
#include "layers.h"
#include "lock.h"
#include "skopeo_private.h"
#include "str.h"
#include "tap.h"
#include "tree.h"

static char dir[] = "/tmp/test_store.XXXXXX";
static struct error err;
static bool fine;

static void test_names(struct store *s)
{
	struct oci_descriptor a = { .media_type = (char *)OCI_MANIFEST }, found = { 0 };
	struct store_entry *entries;
	size_t count;
	struct ref ref;

	store_add_blob(s, "{\"config\":1}", 12, &a, &err);
	ok(store_set_name(s, "docker.io/library/x:1", &a, &err) == 0 &&
		   store_set_name(s, "docker.io/library/x:2", &a, &err) == 0 &&
		   store_set_name(s, "docker.io/library/x:1", &a, &err) == 0,
	   "names are set");
	ok(store_list(s, &entries, &count, &err) == 0 && count == 2 && str_eq(entries[0].name, "docker.io/library/x:1"),
	   "each is there once");
	store_list_free(entries, count);
	ref_parse("x:1", &ref, &err);
	ok(store_find(s, &ref, &found, &err) == 0 && str_eq(found.digest, a.digest), "a short name is found");
	oci_descriptor_clear(&found);
	ref_free(&ref);
	ref_parse("x", &ref, &err);
	fine = store_find(s, &ref, &found, &err) < 0 && err.code == ENOENT &&
		strstr(error_text(&err), "docker.io/library/x:latest");
	ok(fine, "an unknown one is told: %s", error_text(&err));
	ref_free(&ref);
	ok(store_remove_name(s, "docker.io/library/x:1", &err) == 0 &&
		   store_remove_name(s, "docker.io/library/x:1", &err) < 0 && err.code == ENOENT,
	   "a name is removed once");
	store_remove_name(s, "docker.io/library/x:2", &err);
	a.media_type = NULL;
	oci_descriptor_clear(&a);
}

/* Many writers at once: no name may get lost. */
static void test_lock(const char *path)
{
	struct store_entry *entries;
	size_t count;
	struct store *s;
	int status, bad = 0;

	for (int i = 0; i < 8; i++)
		if (fork() == 0) {
			struct store *mine = store_open(path, NULL);
			struct oci_descriptor d = { .media_type = (char *)OCI_MANIFEST };
			int r = mine ? 0 : -1;

			for (int k = 0; r == 0 && k < 10; k++) {
				_cleanup_free_ char *name = str_format("docker.io/library/p%d:%d", i, k);

				r = store_add_blob(mine, name, strlen(name), &d, NULL);
				if (r == 0)
					r = store_set_name(mine, name, &d, NULL);
			}
			_exit(r < 0);
		}
	while (wait(&status) > 0)
		bad |= status;
	s = store_open(path, &err);
	ok(!bad && store_list(s, &entries, &count, &err) == 0 && count == 80, "80 names of 8 writers are all there");
	store_list_free(entries, count);
	store_close(s);
}

static struct tree *sample(void)
{
	static const struct tree_meta dir_meta = { .mode = 0755 }, file_meta = { .mode = 0644 };
	struct tree *t = tree_new(&err);

	tree_add_bytes(t, "usr/bin/x", &file_meta, "program", 7, &err);
	tree_add_dir(t, "etc", &dir_meta, &err);
	tree_add_symlink(t, "bin", &dir_meta, "usr/bin", &err);
	return t;
}

static int write_image(struct store *s, const char *platform, const char *label, struct oci_descriptor *out)
{
	_cleanup_tree_ struct tree *t = sample();
	char *entrypoint[] = { "/usr/bin/x", NULL };
	struct image_spec spec = { .entrypoint = entrypoint,
				   .workdir = "/etc",
				   .labels = json_pack("{s:s}", "l", label) };
	int r;

	platform_parse(platform, &spec.platform, &err);
	r = image_write(s, t, &spec, out, &err);
	json_decref(spec.labels);
	return r;
}

static void test_images(struct store *s)
{
	struct oci_descriptor amd = { 0 }, again = { 0 }, arm = { 0 }, index = { 0 };
	char *names[] = { "pith/sample:abc", "pith/sample", NULL }, *later[] = { "pith/sample", NULL };
	struct platform on_amd, on_arm, on_riscv;
	uint64_t blobs, bytes;
	struct image *img;
	_cleanup_buf_ struct buf text = { 0 };
	_cleanup_tree_ struct tree *t = tree_new(&err);

	platform_parse("amd64", &on_amd, &err);
	platform_parse("arm64", &on_arm, &err);
	platform_parse("riscv64", &on_riscv, &err);
	store_collect(s, NULL, NULL, &err); /* what the tests before have left */
	ok(write_image(s, "amd64", "one", &amd) == 0, "an image is written (%s)", error_text(&err));
	ok(write_image(s, "amd64", "one", &again) == 0 && str_eq(amd.digest, again.digest),
	   "twice, with the same digest");
	write_image(s, "arm64", "two", &arm);
	ok(image_publish(s, &amd, 1, names, false, NULL, CLAIM_ANY, &err) == 0, "and named");
	img = image_load(s, "pith/sample", &on_amd, &err);
	ok(img && str_eq(img->config.entrypoint[0], "/usr/bin/x") && str_eq(img->config.workdir, "/etc") &&
		   str_eq(image_label(img, "l"), "one") && !img->config.cmd && str_eq(img->digest, amd.digest),
	   "its configuration is read back");
	ok(img && image_unpack(t, "", img, NULL, NULL, &err) == 0 &&
		   tree_read(tree_find(t, "usr/bin/x"), 99, &text, &err) == 0 && str_eq(buf_text(&text), "program"),
	   "and its files");
	image_free(img);
	img = image_load(s, "pith/sample", &on_arm, &err);
	ok(!img && err.code == ENXIO, "another platform is missing: %s", error_text(&err));
	_cleanup_ref_ struct ref ref = { 0 };
	ok(image_publish(s, &arm, 1, later, true, NULL, CLAIM_ANY, &err) == 0 && ref_parse(later[0], &ref, &err) == 0 &&
		   store_find(s, &ref, &index, &err) == 0,
	   "the other platform joins the index");
	img = image_load(s, "pith/sample", &on_amd, &err);
	ok(img && str_eq(image_label(img, "l"), "one"), "the first is still there");
	image_free(img);
	img = image_load(s, "pith/sample", &on_arm, &err);
	ok(img && str_eq(image_label(img, "l"), "two"), "the second too");
	image_free(img);
	_cleanup_free_ char *pinned = str_format("pith/sample@%s", index.digest),
			    *inner = str_format("whatever@%s", arm.digest);
	img = image_load(s, pinned, &on_arm, &err);
	ok(img != NULL, "the index is found by digest");
	image_free(img);
	img = image_load(s, inner, &on_arm, &err);
	ok(img != NULL && !img->foreign, "and a manifest in it");
	image_free(img);
	img = image_load(s, inner, &on_amd, &err);
	ok(img != NULL && img->foreign, "which is foreign to another platform");
	image_free(img);
	ok(store_collect(s, &blobs, &bytes, &err) == 0 && blobs == 0, "nothing is collected while names hold it");
	store_remove_name(s, "docker.io/pith/sample:latest", &err);
	ok(store_collect(s, &blobs, &bytes, &err) == 0 && blobs == 3 && !store_has_blob(s, arm.digest) &&
		   store_has_blob(s, amd.digest),
	   "index, manifest and configuration of the second go, what the first shares stays (%llu)",
	   (unsigned long long)blobs);
	struct store *second = store_open(store_path(s), &err);
	fine = store_collect(s, &blobs, &bytes, &err) < 0 && err.code == EBUSY;
	ok(fine, "nothing is collected while somebody else is at it: %s", error_text(&err));
	store_close(second);
	oci_descriptor_clear(&amd);
	oci_descriptor_clear(&again);
	oci_descriptor_clear(&arm);
	oci_descriptor_clear(&index);
}

static void test_damage(struct store *s)
{
	struct oci_descriptor d = { 0 };
	struct platform p = platform_host();
	_cleanup_free_ char *path = NULL, *index = str_format("%s/index.json", store_path(s));
	_cleanup_buf_ struct buf before = { 0 };
	struct image *img;

	write_image(s, "amd64", "x", &d);
	image_publish(s, &d, 1, (char *[]){ "damaged", NULL }, false, NULL, CLAIM_ANY, &err);
	path = str_format("%s/blobs/sha256/%s", store_path(s), d.digest + 7);
	ok(truncate(path, 10) == 0, "a blob is cut short");
	img = image_load(s, "damaged", &p, &err);
	ok(!img && strstr(error_text(&err), "10 bytes, not the"), "a manifest cut short is told: %s", error_text(&err));
	unlink(path);
	img = image_load(s, "damaged", &p, &err);
	ok(!img && err.code == ENOENT, "a missing one too: %s", error_text(&err));
	file_read(index, 1 << 20, &before, &err);
	file_write(index, "{\"manifests\":3}", 15, 0644, &err);
	img = image_load(s, "damaged", &p, &err);
	ok(!img && strstr(error_text(&err), "index.json"), "an index that is none: %s", error_text(&err));
	ok(store_set_name(s, "docker.io/library/y:1", &d, &err) < 0, "and nothing overwrites it");
	file_write(index, buf_bytes(&before), before.len, 0644, &err);
	oci_descriptor_clear(&d);
}

static void test_locks(void)
{
	static const char text[] = "1: POSIX  ADVISORY  WRITE 10 fe:01:100 0 EOF\n"
				   "2: -> FLOCK  ADVISORY  WRITE 11 fe:01:200 0 EOF\n"
				   "broken\n"
				   "3: FLOCK  ADVISORY  READ  12 fe:01:200 0 EOF\n"
				   "4: OFDLCK ADVISORY  WRITE -1 fe:01:300 0 0";
	dev_t device = makedev(0xfe, 1);

	ok(cache_lock_holder(text, device, 100) == 10, "a lock's holder is found");
	ok(cache_lock_holder(text, device, 200) == 12, "whoever waits does not hold it");
	ok(cache_lock_holder(text, device, 300) == 0, "one that no process has");
	ok(cache_lock_holder(text, makedev(0xfe, 2), 100) == 0 && cache_lock_holder("", device, 1) == 0, "nobody");
}

static void test_places(void)
{
	static const struct {
		const char *reference;
		enum registry_place want;
	} rows[] = {
		{ "localhost/a:1", PLACE_HERE },
		{ "localhost:5000/a/b@sha256:0", PLACE_HERE },
		{ "127.0.0.1:5871/a", PLACE_HERE },
		{ "127.9.8.7/a", PLACE_HERE },
		{ "[::1]:5000/a", PLACE_HERE },
		{ "[::1]/a", PLACE_HERE },
		{ "10.1.2.3:5000/a", PLACE_PRIVATE },
		{ "172.16.0.1/a", PLACE_PRIVATE },
		{ "172.31.255.255:1/a", PLACE_PRIVATE },
		{ "192.168.1.1/a", PLACE_PRIVATE },
		{ "172.32.0.1/a", PLACE_ANYWHERE },
		{ "192.169.0.1/a", PLACE_ANYWHERE },
		{ "128.0.0.1/a", PLACE_ANYWHERE },
		{ "docker.io/library/a:127.0.0.1", PLACE_ANYWHERE },
		{ "localhost.example.org/a", PLACE_ANYWHERE },
		{ "127.0.0.1.example.org/a", PLACE_ANYWHERE },
		{ "notlocalhost/a", PLACE_ANYWHERE },
		{ "[2001:db8::1]:5000/a", PLACE_ANYWHERE },
	};

	for (size_t i = 0; i < array_len(rows); i++)
		ok(registry_place(rows[i].reference) == rows[i].want, "place of %s", rows[i].reference);
}

int main(void)
{
	_cleanup_free_ char *cache = NULL, *shared = NULL;
	struct store *s;

	test_locks();
	if (!mkdtemp(dir))
		return 1;
	cache = str_format("%s/a/b/cache", dir);
	shared = str_format("%s/shared", dir);
	s = store_open(cache, &err);
	if (!ok(s != NULL, "a cache is made, with its parents"))
		return tap_done();
	test_names(s);
	test_images(s);
	test_damage(s);
	store_close(s);
	test_places();
	test_lock(shared);
	error_clear(&err);
	dir_remove(dir, NULL);
	return tap_done();
}
