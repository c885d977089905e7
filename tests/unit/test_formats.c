/* Every output format, unpacked or mounted by the programs it is for, and read back with tree_add_directory(): what
 * comes back is what went in. As another user where there are users to be: erofs with fakeroot. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "io.h"
#include "layout.h"
#include "output.h"
#include "store.h"
#include "str.h"
#include "tap.h"
#include "tree.h"

static char dir[] = "/var/tmp/test_formats.XXXXXX";
static struct error err;

static const uint8_t capability[20] = { 1, 0, 0, 2, 0, 4 }; /* net_bind_service, permitted and effective */

static struct tree *sample(void)
{
	struct tree *t = tree_new(&err);
	struct tree_meta root = { 0750, 3, 4, 999999999 }, d = { 0755, 0, 0, 1000 }, f = { 0644, 0, 0, 1600000000 };
	struct tree_meta link = { 0777, 0, 0, 1600000000 };
	struct tree_meta odd = { 06711, 4000000, 70000, 0 }, sticky = { 01777, 0, 0, 5 };
	char target[300] = "/absolute", name[201];
	struct tree_node *n;

	memset(target + strlen(target), 't', 200);
	memset(name, 'n', 200);
	name[200] = 0;
	tree_add_dir(t, "", &root, &err);
	tree_add_dir(t, "d", &d, &err);
	tree_add_dir(t, "d/empty", &sticky, &err);
	tree_add_bytes(t, "d/file", &f, "content", 7, &err);
	tree_add_bytes(t, "d/suid", &odd, "x", 1, &err);
	tree_add_bytes(t, "d/nothing", &f, "", 0, &err);
	tree_add_link(t, "d/hard", "d/file", &err);
	tree_add_link(t, "a-first", "d/file", &err);
	tree_add_symlink(t, "abs", &link, "/etc/passwd", &err);
	tree_add_symlink(t, "long", &link, target, &err);
	tree_add_symlink(t, "up", &link, "../../..", &err);
	tree_add_bytes(t, name, &f, "long name", 9, &err);
	tree_add_bytes(t, "gr\xc3\xbc\xc3\x9f \xff", &f, "bytes", 5, &err);
	tree_add_special(t, "null", &f, TREE_CHAR, 1, 3, &err);
	tree_add_special(t, "disk", &f, TREE_BLOCK, 259, 70000, &err);
	tree_add_special(t, "fifo", &f, TREE_FIFO, 0, 0, &err);
	n = tree_add_bytes(t, "capable", &f, "y", 1, &err);
	tree_set_xattr(n, "security.capability", capability, sizeof(capability), &err);
	return t;
}

/* --- a listing with everything in it --- */

struct listing {
	struct tree_writer base;
	struct buf out;
};

static int list_entry(struct tree_writer *base, const char *path, const struct tree_inode *i, uint32_t ino,
		      const char *link, struct error *e)
{
	struct listing *l = (struct listing *)base;

	(void)ino;
	(void)e;
	buf_addf(&l->out, "\n/%s type %d ", path, i->type);
	if (link)
		return buf_addf(&l->out, "link to %s", link);
	/* nobody cares what mode a link has */
	buf_addf(&l->out, "%04o %u:%u time %lld dev %u:%u %s ", i->type == TREE_SYMLINK ? 0777 : i->mode, i->uid,
		 i->gid, (long long)i->mtime, i->major, i->minor, i->type == TREE_SYMLINK ? i->target : "");
	for (const struct tree_xattr *x = i->xattrs; x; x = x->next)
		buf_addf(&l->out, "%s %u %02x ", x->name, (unsigned)x->len, x->value[5]);
	return 0;
}

static int list_data(struct tree_writer *base, const void *data, size_t n, struct error *e)
{
	(void)e;
	return buf_add(&((struct listing *)base)->out, data, n);
}

static char *list(const struct tree *t)
{
	struct listing l = { .base = { .entry = list_entry, .data = list_data } };

	tree_walk(t, &l.base, &err);
	return buf_steal_text(&l.out);
}

static void same_as_directory(const char *what, const struct tree *t, const char *path)
{
	_cleanup_tree_ struct tree *back = tree_new(&err);
	_cleanup_free_ char *want = list(t), *got = NULL;
	bool read = tree_add_directory(back, "", path, NULL, &err) == 0;

	got = list(back);
	ok(read, "%s: it is read back%s%s", what, read ? "" : ": ", read ? "" : error_text(&err));
	ok_str(got, want, what);
}

static bool command(const char *fmt, ...)
{
	_cleanup_buf_ struct buf b = { 0 };
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&b, fmt, ap);
	va_end(ap);
	return system(buf_text(&b)) == 0;
}

static void same_bytes(const char *what, const char *a, const char *b)
{
	ok(command("cmp %s/%s %s/%s", dir, a, dir, b), "%s: the same bytes the second time", what);
}

static char *in(const char *name)
{
	return str_format("%s/%s", dir, name);
}

/* --- formats --- */

static void test_tar(const struct tree *t)
{
	_cleanup_free_ char *file = in("o.tar"), *again = in("o2.tar"), *out = in("tar");

	ok(output_tar(t, NULL, file, ZIP_ZSTD, &err) == 0 && output_tar(t, NULL, again, ZIP_ZSTD, &err) == 0,
	   "tar: written");
	same_bytes("tar", "o.tar", "o2.tar");
	mkdir(out, 0755);
	ok(command("tar --zstd --xattrs --xattrs-include='*' -C %s -xpf %s", out, file), "tar: GNU tar unpacks");
	same_as_directory("tar", t, out);
}

static void test_squashfs(const struct tree *t)
{
	_cleanup_free_ char *file = in("o.sq"), *again = in("o2.sq"), *out = in("sq");
	bool good;

	setenv("SOURCE_DATE_EPOCH", "1", 1); /* a builder's own must not reach the tools */
	good = output_squashfs(t, NULL, file, &err) == 0 && output_squashfs(t, NULL, again, &err) == 0;
	unsetenv("SOURCE_DATE_EPOCH");
	if (!ok(good, "squashfs: written%s%s", good ? "" : ": ", good ? "" : error_text(&err)))
		return;
	same_bytes("squashfs", "o.sq", "o2.sq");
	ok(command("unsquashfs -no-progress -d %s %s >/dev/null", out, file), "squashfs: unsquashfs unpacks");
	/* what mksquashfs has no way to say of the root: it has the newest time of all, and before 4.6 belongs to user
	 * 0
	 */
	_cleanup_tree_ struct tree *want = sample();
	want->root->inode->mtime = 1600000000;
	if (command("mksquashfs -version | grep -q 'version 4\\.[0-5]'"))
		want->root->inode->uid = want->root->inode->gid = 0;
	same_as_directory("squashfs", want, out);
}

static void test_erofs(const struct tree *t)
{
	_cleanup_free_ char *file = in("o.erofs"), *again = in("o2.erofs"), *out = in("erofs");
	bool good = output_erofs(t, NULL, file, &err) == 0;

	command("touch -d @4000000000 %s", dir); /* no time of day must get in */
	good = good && output_erofs(t, NULL, again, &err) == 0;
	if (!ok(good, "erofs: written%s%s", good ? "" : ": ", good ? "" : error_text(&err)))
		return;
	same_bytes("erofs", "o.erofs", "o2.erofs");
	mkdir(out, 0755);
	if (!command("mount -t erofs -o ro,loop %s %s 2>%s/mount.err", file, out, dir)) {
		ok(true, "erofs: mounted # skip this machine does not mount erofs");
		return;
	}
	same_as_directory("erofs", t, out);
	ok(command("umount %s", out), "erofs: unmounted");
}

/* mkfs.erofs 1.8 reads an archive from its standard input, and looks for the path of a source that is named to it: a
 * pipe has none. Where the installed one is older, a script takes the archive as 1.8 does. */
static void test_erofs_tar(const struct tree *t)
{
	_cleanup_free_ char *bin = in("new-erofs"), *path = NULL, *file = in("tar.erofs");
	_cleanup_free_ char *saved = strdup(getenv("PATH"));
	bool good;

	if (command("mkfs.erofs --help 2>&1 | grep -q -e --tar")) {
		ok(true, "erofs from an archive: done by the installed version");
		return;
	}
	mkdir(bin, 0755);
	command("cat >%s/mkfs.erofs <<'E'\n"
		"#!/bin/sh\n"
		"[ \"$1\" = --help ] && { echo ' --tar=X  generate from a tarball'; exit 0; }\n"
		"case \"$*\" in '--tar=f '*' /proc/self/fd/3') ;; *) echo \"arguments: $*\"; exit 1 ;; esac\n"
		"shift\n"
		"mkdir \"$0.dir\" && tar -C \"$0.dir\" --xattrs --xattrs-include='*' --delay-directory-restore -xpf - "
		"|| exit\n"
		"exec %s \"$@\" \"$0.dir\"\n"
		"E\n"
		"chmod +x %s/mkfs.erofs",
		bin, "$(PATH=${PATH#*:} command -v mkfs.erofs)", bin);
	path = str_format("%s:%s", bin, saved);
	setenv("PATH", path, 1);
	good = output_erofs(t, NULL, file, &err) == 0;
	setenv("PATH", saved, 1);
	ok(good, "erofs from an archive: written%s%s", good ? "" : ": ", good ? "" : error_text(&err));
	same_bytes("erofs from an archive", "o.erofs", "tar.erofs");
}

/* What a format cannot hold is refused, with the file's name. */
static void test_limits(void)
{
	static const struct tree_meta plain = { .mode = 0644 }, early = { .mode = 0644, .mtime = -1 },
				      late = { .mode = 0644, .mtime = INT64_C(1) << 32 },
				      last = { .mode = 0644, .mtime = UINT32_MAX };
	_cleanup_free_ char *file = in("limits"), *big = calloc(1, 65536), *name = calloc(1, 256);
	bool reads_tar = command("mkfs.erofs --help 2>&1 | grep -q -e --tar");
	static const struct {
		const char *what, *path, *want;
		const struct tree_meta *meta;
		const char *xattr;
		size_t len;
	} rows[] = {
		{ "a time before 1970", "d/early", "d/early: time -1", &early, NULL, 0 },
		{ "a time after 2106", "d/late", "d/late: time 4294967296", &late, NULL, 0 },
		{ "the last time", "d/last", NULL, &last, NULL, 0 },
		{ "an attribute of a kind that it does not know", "d/x", "d/x: extended attribute odd.name of 1 bytes",
		  &plain, "odd.name", 1 },
	};

	for (size_t i = 0; i < array_len(rows); i++)
		for (int erofs = 0; erofs < 2; erofs++) {
			_cleanup_tree_ struct tree *t = tree_new(&err);
			struct tree_node *n = tree_add_bytes(t, rows[i].path, rows[i].meta, "x", 1, &err);
			const char *format = erofs ? "erofs" : "squashfs";
			int r;

			if (rows[i].xattr)
				tree_set_xattr(n, rows[i].xattr, big, rows[i].len, &err);
			r = (erofs ? output_erofs : output_squashfs)(t, NULL, file, &err);
			ok(rows[i].want ? r < 0 && strstr(error_text(&err), rows[i].want) &&
					   strstr(error_text(&err), "cannot hold")
					: r == 0,
			   "%s: %s: %s", format, rows[i].what, r < 0 ? error_text(&err) : "written");
			if (r < 0)
				error_clear(&err);
		}

	_cleanup_tree_ struct tree *large = tree_new(&err), *many = tree_new(&err), *longest = tree_new(&err);
	int r;

	tree_set_xattr(tree_add_bytes(large, "d/big", &plain, "x", 1, &err), "user.big", big, 65536, &err);
	r = output_erofs(large, NULL, file, &err);
	ok(r < 0 && strstr(error_text(&err), "d/big: extended attribute user.big of 65536 bytes, which ") &&
		   strstr(error_text(&err), "cannot hold"),
	   "erofs: an attribute of 64 KiB, before any program is started: %s", r < 0 ? error_text(&err) : "written");
	tree_add_bytes(many, "d/many", &plain, "x", 1, &err);
	for (int i = 0; i < 128; i++) {
		char key[32];

		snprintf(key, sizeof(key), "user.some-name-%03d", i);
		tree_set_xattr(tree_find(many, "d/many"), key, big, 100, &err);
	}
	r = geteuid() == 0 ? output_erofs(many, NULL, file, &err) : 0;
	ok(r == 0 || strstr(error_text(&err), "d/many: extended attribute user.some-name-"),
	   "erofs: many attributes are kept, or refused by name: %s", r < 0 ? error_text(&err) : "kept");
	ok(reads_tar || geteuid() != 0 || r < 0 || !command("stat -f -c %%T %s | grep -q ext", dir),
	   "erofs: ext4 cannot hold them");
	memset(name, 'n', 255);
	tree_add_bytes(longest, name, &plain, "x", 1, &err);
	ok(output_squashfs(longest, NULL, file, &err) == 0, "squashfs: a name of 255 bytes");
	r = output_erofs(longest, NULL, file, &err);
	ok(reads_tar ? r == 0 : r < 0 && strstr(error_text(&err), "nnn: name of 255 bytes, which mkfs.erofs"),
	   "erofs: a name of 255 bytes");
	name[254] = '\0';
	tree_remove(longest, "");
	tree_add_bytes(longest, name, &plain, "x", 1, &err);
	ok(output_erofs(longest, NULL, file, &err) == 0, "erofs: a name of 254 bytes");
}

static void test_other_user(void)
{
	_cleanup_tree_ struct tree *t = sample();
	_cleanup_free_ char *file = in("user"), *plain = in("root.erofs");
	pid_t pid;
	int status;

	tree_remove(t, "capable");
	tree_add_copy(t, "d/file", tree_find(t, "d/suid"), &err);
	output_erofs(t, NULL, plain, &err);
	mkdir(file, 0777);
	chmod(file, 0777);
	chmod(dir, 0755);
	pid = fork();
	if (pid == 0) {
		_cleanup_free_ char *out = str_format("%s/o.erofs", file);
		struct error why = { 0 };

		if (setgid(65534) < 0 || setuid(65534) < 0)
			_exit(2);
		/* first with an attribute in the tree, which only version 1.8 keeps, then without */
		tree_set_xattr(tree_find(t, "d/file"), "user.x", "1", 1, NULL);
		if (output_erofs(t, NULL, out, &why) < 0 ? !strstr(error_text(&why), "file has extended attributes")
							 : !command("mkfs.erofs --help | grep -q -e --tar"))
			_exit(3);
		error_clear(&why);
		tree_add_copy(t, "d/file", tree_find(t, "d/suid"), NULL);
		if (output_erofs(t, NULL, out, &why) < 0) {
			printf("# %s\n", error_text(&why));
			fflush(stdout);
			_exit(1);
		}
		_exit(0);
	}
	waitpid(pid, &status, 0);
	ok(status == 0, "erofs: made by a user with fakeroot");
	ok(command("cmp %s %s/o.erofs", plain, file), "erofs: and no byte differs from root's");
}

static void test_layout(void)
{
	_cleanup_free_ char *cache = in("cache"), *out = in("layout.tar"), *unpacked = in("layout");
	_cleanup_store_ struct store *s = store_open(cache, &err);
	_cleanup_tree_ struct tree *t = tree_new(&err);
	struct oci_descriptor config = { .media_type = (char *)OCI_CONFIG },
			      manifest = { .media_type = (char *)OCI_MANIFEST };
	_cleanup_ref_ struct ref ref = { 0 };
	_cleanup_free_ char *text = NULL;

	store_add_blob(s, "{}", 2, &config, &err);
	text = str_format("{\"config\":{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":2},\"layers\":[]}", OCI_CONFIG,
			  config.digest);
	store_add_blob(s, text, strlen(text), &manifest, &err);
	store_set_name(s, "docker.io/pith/x:1", &manifest, &err);
	ref_parse("pith/x:1", &ref, &err);
	ok(layout_unpack(t, "vol", s, &ref, NULL, 0, &err) == 0 && output_tar(t, NULL, out, ZIP_NONE, &err) == 0,
	   "layout: written");
	mkdir(unpacked, 0755);
	ok(command("tar -C %s -xf %s && cd %s/vol && sha256sum --quiet -c - <<E\n%s  blobs/sha256/%s\nE", unpacked, out,
		   unpacked, manifest.digest + 7, manifest.digest + 7),
	   "layout: the manifest is there under its digest");
	ok(command("grep -q '\"org.opencontainers.image.ref.name\":\"docker.io/pith/x:1\"' %s/vol/index.json && "
		   "grep -q 1.0.0 %s/vol/oci-layout",
		   unpacked, unpacked),
	   "layout: with its name in the index");
	config.media_type = manifest.media_type = NULL;
	oci_descriptor_clear(&config);
	oci_descriptor_clear(&manifest);
}

/* Temporary directories are ours alone: others may build at the same time. */
static size_t strays(void)
{
	_cleanup_closedir_ DIR *d = opendir(getenv("TMPDIR"));
	size_t n = 0;

	for (struct dirent *e; (e = readdir(d));)
		n += str_starts(e->d_name, "pith.");
	return n;
}

/* A tool that fails: its last words are told, and nothing is left. */
static void test_failures(const struct tree *t)
{
	_cleanup_free_ char *file = in("fail/o.img"), *sub = in("fail"), *bin = in("bin"), *path = NULL;
	static const char *const tools[] = { "mksquashfs", "mkfs.erofs" };
	const char *before = getenv("PATH");
	_cleanup_free_ char *saved = strdup(before);

	mkdir(sub, 0755);
	mkdir(bin, 0755);
	path = str_format("%s:%s", bin, saved);
	setenv("PATH", path, 1);
	for (size_t i = 0; i < array_len(tools); i++) {
		bool told;

		command("printf '#!/bin/sh\\necho going >&2; echo it is broken >&2; exit 3\\n' >%s/%s; chmod +x %s/%s",
			bin, tools[i], bin, tools[i]);
		told = (i ? output_erofs : output_squashfs)(t, NULL, file, &err) < 0 &&
			strstr(error_text(&err), "it is broken") && strstr(error_text(&err), tools[i]);
		ok(told, "%s fails: %s", tools[i], error_text(&err));
		ok(command("[ -z \"$(ls -A %s)\" ]", sub), "nothing is left");
	}
	setenv("PATH", bin, 1);
	command("/bin/rm %s/*", bin);
	for (size_t i = 0; i < array_len(tools); i++) {
		bool told = (i ? output_erofs : output_squashfs)(t, NULL, file, &err) < 0 &&
			strstr(error_text(&err), "is not installed (Debian package");

		ok(told, "no tool: %s", error_text(&err));
	}
	setenv("PATH", saved, 1);
	ok(strays() == 0, "no temporary directory is left");
}

int main(void)
{
	_cleanup_tree_ struct tree *t = sample();
	_cleanup_free_ char *temporary = NULL;

	if (!mkdtemp(dir))
		return 1;
	if (geteuid() != 0) {
		ok(true, "formats # skip owners and devices need root");
		return tap_done();
	}
	umask(077); /* must not show anywhere */
	temporary = in("temporary");
	mkdir(temporary, 0777);
	chmod(temporary, 01777);
	setenv("TMPDIR", temporary, 1);
	test_tar(t);
	test_squashfs(t);
	test_erofs(t);
	test_erofs_tar(t);
	test_limits();
	test_other_user();
	test_layout();
	test_failures(t);
	error_clear(&err);
	dir_remove(dir, NULL);
	return tap_done();
}
