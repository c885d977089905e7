/* Layers into trees and trees into archives. A layer is written down as words: "a/" a directory, "a=text" a file,
 * "a>b" a symbolic link, "a~b" a hard link to b, "a!" a character device; "a:700/" and so on with a mode. A tree is
 * compared in the same words, sorted. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "archive.h"
#include "image.h"
#include "io.h"
#include "layers.h"
#include "output.h"
#include "str.h"
#include "tap.h"
#include "tar.h"
#include "tree_private.h"

static char dir[] = "/tmp/test_tree.XXXXXX";
static struct store *store;
static struct error err;
static bool fine;

/* --- layers --- */

static void add_member(struct buf *b, const char *word)
{
	size_t n = strcspn(word, ":/=>~!");
	const char *mark;
	_cleanup_free_ char *name = NULL, *path = NULL;
	struct tar_entry e = { .mode = 0644, .target = "", .uid = 1, .gid = 2, .mtime = 1000 };

	/* the first mark that is not a slash inside the path */
	for (mark = word + n; *mark == '/' && mark[1] && mark[1] != ' '; mark += 1 + strcspn(mark + 1, ":/=>~!"))
		;
	name = strndup(word, (size_t)(mark - word));
	if (*mark == ':')
		e.mode = (uint32_t)strtoul(mark + 1, (char **)&mark, 8);
	e.path = name;
	switch (*mark) {
	case '/':
		e.type = TAR_DIR;
		break;
	case '=':
		e.type = TAR_FILE;
		e.size = strlen(mark + 1);
		break;
	case '>':
		e.type = TAR_SYMLINK;
		e.target = mark + 1;
		break;
	case '~':
		e.type = TAR_LINK;
		e.target = mark + 1;
		break;
	case '!':
		e.type = TAR_CHAR;
		e.major = 1;
		e.minor = (uint32_t)strtoul(mark + 1, NULL, 10);
		e.major = e.minor ? 1 : 0;
		break;
	}
	tar_write_header(b, &e, NULL);
	if (e.type == TAR_FILE) {
		buf_add(b, mark + 1, e.size);
		buf_add(b, (uint8_t[TAR_BLOCK]){ 0 }, tar_padding(e.size));
	}
}

static void archive_of(struct buf *b, const char *words)
{
	_cleanup_strv_ char **v = strv_split(words, " ");

	for (char **w = v; w && *w; w++)
		add_member(b, *w);
	buf_add(b, (uint8_t[2 * TAR_BLOCK]){ 0 }, (size_t)2 * TAR_BLOCK);
}

/* An image of layers that are separated by '|', in the store under "test:NAME". */
static struct image *image_of(const char *layers)
{
	static int count;
	_cleanup_strv_ char **v = strv_split(layers, "|");
	_cleanup_descriptor_ struct oci_descriptor config = { 0 }, manifest = { 0 };
	_cleanup_free_ char *name = str_format("docker.io/library/test:%d", ++count), *text = NULL;
	struct platform platform = platform_host();
	json_t *list = json_array(), *m;

	for (char **l = v; l && *l; l++) {
		_cleanup_descriptor_ struct oci_descriptor d = { .media_type = strdup(OCI_LAYER) };
		_cleanup_buf_ struct buf b = { 0 };

		archive_of(&b, *l);
		store_add_blob(store, buf_bytes(&b), b.len, &d, &err);
		json_array_append_new(list, oci_descriptor_json(&d));
	}
	config.media_type = strdup(OCI_CONFIG);
	store_add_blob(store, "{}", 2, &config, &err);
	m = json_pack("{s:i, s:o, s:o}", "schemaVersion", 2, "config", oci_descriptor_json(&config), "layers", list);
	text = json_dumps(m, 0);
	json_decref(m);
	manifest.media_type = strdup(OCI_MANIFEST);
	store_add_blob(store, text, strlen(text), &manifest, &err);
	store_set_name(store, name, &manifest, &err);
	return image_load(store, name, &platform, &err);
}

/* --- listing --- */

struct listing {
	struct tree_writer base;
	char **words;
	struct buf word;
	uint64_t left;
	bool modes;
};

static void word_done(struct listing *l)
{
	if (l->word.len)
		strv_take(&l->words, buf_steal_text(&l->word));
	buf_free(&l->word);
}

static int list_entry(struct tree_writer *base, const char *path, const struct tree_inode *inode, uint32_t ino,
		      const char *link, struct error *e)
{
	static const char marks[] = { [TREE_DIR] = '/',  [TREE_FILE] = '=',  [TREE_SYMLINK] = '>',
				      [TREE_CHAR] = '!', [TREE_BLOCK] = '!', [TREE_FIFO] = '|' };
	struct listing *l = (struct listing *)base;

	(void)ino;
	(void)e;
	word_done(l);
	if (!*path && inode->implied)
		return 0;
	buf_addf(&l->word, "%s", *path ? path : ".");
	if (l->modes)
		buf_addf(&l->word, ":%o", inode->mode);
	buf_addf(&l->word, "%c", link ? '~' : marks[inode->type]);
	buf_addstr(&l->word, link ? link : inode->type == TREE_SYMLINK ? inode->target : "");
	return 0;
}

static int list_data(struct tree_writer *base, const void *data, size_t n, struct error *e)
{
	(void)e;
	return buf_add(&((struct listing *)base)->word, data, n);
}

static char *list(const struct tree *t, bool modes, bool sorted)
{
	struct listing l = { .base = { .entry = list_entry, .data = list_data }, .modes = modes };
	int r = tree_walk(t, &l.base, &err);
	char *text;

	word_done(&l);
	if (sorted && l.words)
		strv_sort(l.words);
	text = r < 0 ? strdup(error_text(&err)) : l.words ? strv_join(l.words, " ") : strdup("");
	strv_free(l.words);
	return text;
}

/* --- merging of layers --- */

static const struct {
	const char *what, *layers, *want; /* want: "error: TEXT" for a refusal */
} merges[] = {
	{ "one layer", "a/ a/b=x c>a/b", "a/ a/b=x c>a/b" },
	{ "a parent that is not described", "a/b/c=x", "a/ a/b/ a/b/c=x" },
	{ "the upper layer wins", "a=1|a=2", "a=2" },
	{ "the later of two entries wins", "a=1 a=2", "a=2" },
	{ "a directory takes the upper metadata and keeps its files", "a:700/ a/b=x|a:711/", "a/ a/b=x" },
	{ "a whiteout removes a file", "a=1 b=2|.wh.a=", "b=2" },
	{ "a whiteout removes a directory", "a/ a/b=1 a/c/ a/c/d=2 e=3|.wh.a=", "e=3" },
	{ "a whiteout of nothing", "a=1|.wh.b= c/.wh.d=", "a=1" },
	{ "a whiteout, then the file again", "a=1|.wh.a= a=2", "a=2" },
	{ "the file again, then its whiteout", "a=1|a=2 .wh.a=", "a=2" },
	{ "a directory whited out and made again", "d/ d/old=1|.wh.d= d/ d/new=2", "d/ d/new=2" },
	{ "the same the other way round", "d/ d/old=1|d/ d/new=2 .wh.d=", "d/ d/new=2" },
	{ "made again without an entry of its own", "d:700/ d/old=1|.wh.d= d/new=2", "d/ d/new=2" },
	{ "without an entry, the whiteout last", "d:700/ d/old=1|d/new=2 .wh.d=", "d/ d/new=2" },
	{ "a whiteout of all that is in directories without an entry",
	  "a=1 b/c/d=2 b/c/e=3|b/c/.wh.d= b/c/.wh.e=", "a=1" },
	{ "a whiteout of all that is in a directory with an entry", "b/ b/c/d=2|b/c/.wh.d=", "b/" },
	{ "a whiteout leaves its own layer alone", "a=1|b=2 .wh.b=|c=3", "a=1 b=2 c=3" },
	{ "removed and back in the third layer", "a=1|.wh.a=|a=3", "a=3" },
	{ "an opaque directory", "d/ d/a=1 d/b/ d/b/c=2|d/ d/.wh..wh..opq= d/n=3", "d/ d/n=3" },
	{ "opaque, the marker last", "d/ d/a=1|d/ d/n=3 d/.wh..wh..opq=", "d/ d/n=3" },
	{ "opaque, deeper down", "d/e/f=1 d/g=2|d/e/.wh..wh..opq= d/e/h=3", "d/ d/e/ d/e/h=3 d/g=2" },
	{ "an opaque root", "a=1 b/ b/c=2|.wh..wh..opq= d=3", "d=3" },
	{ "aufs's own files", "a=1|.wh..wh.plnk/ .wh..wh.plnk/1.2=x .wh..wh.aufs=", "a=1" },
	{ "a file becomes a directory", "a=1|a/ a/b=2", "a/ a/b=2" },
	{ "a directory becomes a file", "a/ a/b=1|a=2", "a=2" },
	{ "a link becomes a directory", "a>b b/ b/x=1|a/ a/y=2", "a/ a/y=2 b/ b/x=1" },
	{ "hard links", "a=1 b~a", "a=1 b~a" },
	{ "a hard link to a lower layer", "a=1|b~a", "a=1 b~a" },
	{ "its target replaced above", "a=1 b~a|a=2", "a=2 b=1" },
	{ "its target removed above", "a=1 b~a|.wh.a=", "b=1" },
	{ "three names, one removed", "a=1 b~a c~b|.wh.a=", "b=1 c~b" },
	{ "a hard link to a symbolic link", "a>x b~a", "a>x b~a" },
	{ "a hard link to itself", "a=1 a~a", "a=1" },
	{ "a hard link over its target's directory", "d/ d/a=1|d~d/a", "d=1" },
	{ "a device", "dev/ dev/null!3", "dev/ dev/null!" },
	{ "./ in front", "./ ./a/ ./a/b=1", "./ a/ a/b=1" },
	{ "doubled slashes", "a//b=1", "a/ a/b=1" },
	{ "a name with .. inside", "a..b/..c=1", "a..b/ a..b/..c=1" },
	{ "empty layers", "|a=1|", "a=1" },
	{ "..", "../a=1", "error: .." },
	{ ".. inside", "a/../../b=1", "error: path with .. in it" },
	{ ".. at the end", "a/../", "error: .." },
	{ "absolute names",
	  "/ /usr/ /usr/app=1 /usr/again~/usr/app //x=2|/.wh.x= /usr/.wh.app=", "./ usr/ usr/again=1" },
	{ "an absolute path with ..", "/../etc/passwd=1", "error: path with .. in it" },
	{ "a file as root", ".=1", "error: root" },
	{ "a parent that is a link", "b/ a>b a/x=1", "a>b b/ b/x=1" },
	{ "a parent that is an absolute link stays inside", "a>/etc a/passwd=1", "a>/etc etc/ etc/passwd=1" },
	{ "a parent that leads above the root stays inside", "a>../../../b a/x=1", "a>../../../b b/ b/x=1" },
	{ "a parent that is a link of a lower layer", "a>b b/|a/x=1", "a>b b/ b/x=1" },
	{ "links to links", "a>b b>/c/d a/x=1", "a>b b>/c/d c/ c/d/ c/d/x=1" },
	{ "a link in the middle", "d/ d/a>.. d/a/b/c=1", "b/ b/c=1 d/ d/a>.." },
	{ "links in a circle", "a>b b>a a/x=1", "error: too many symbolic links" },
	{ "a link to a file as parent", "f=1 a>f a/x=2", "error: is no directory" },
	{ "a link through a file as parent", "f=1 a>f/g a/x=2", "error: through no directory" },
	{ "a whiteout through a link", "u/ u/x=1 u/y=2 a>u|a/.wh.x=", "a>u u/ u/y=2" },
	{ "an opaque directory through a link", "u/ u/x=1 a>u|a/.wh..wh..opq= a/z=3", "a>u u/ u/z=3" },
	{ "a hard link through a link", "u/ u/x=1 a>u b~a/x", "a>u b=1 u/ u/x~b" },
	{ "a directory over a link of a lower layer", "u/ u/x=1 a>u|a/ a/y=2", "a/ a/y=2 u/ u/x=1" },
	{ "a link over a directory of a lower layer", "a/ a/x=1|u/ u/y=2 a>u", "a>u u/ u/y=2" },
	{ "merged /usr, the link first", "usr/ usr/lib/ lib>usr/lib lib/a=1 lib/m/b=2",
	  "lib>usr/lib usr/ usr/lib/ usr/lib/a=1 usr/lib/m/ usr/lib/m/b=2" },
	{ "merged /usr, the link last", "lib/ lib/a=1 lib/m/b=2 usr/ usr/lib/ usr/lib/c=3 lib>usr/lib",
	  "lib>usr/lib usr/ usr/lib/ usr/lib/a=1 usr/lib/c=3 usr/lib/m/ usr/lib/m/b=2" },
	{ "the link last, a file in both", "lib/ lib/a=1 usr/lib/a=2 lib>usr/lib",
	  "lib>usr/lib usr/ usr/lib/ usr/lib/a=2" },
	{ "the link last, lower layers' files in between", "lib/old=0|lib/a=1 lib>usr/lib",
	  "lib>usr/lib usr/ usr/lib/ usr/lib/a=1" },
	{ "a directory with files that becomes a link to itself", "a/ a/b/ a/b/x=1 a>a/b", "error: itself" },
	{ "a directory with files that becomes a link to a file", "a/ a/x=1 f=2 a>f", "error: a file" },
	{ "a parent that is a file", "a=1|a/b=2", "error: its parent a is no directory" },
	{ "a hard link out of the image", "a~../../etc/passwd", "error: path with .. in it" },
	{ "a hard link to an absolute path", "a~/etc/passwd", "error: does not exist" },
	{ "a hard link to nothing", "a~b", "error: does not exist" },
	{ "a hard link to a directory", "d/ a~d", "error: is a directory" },
	{ "a hard link through a link", "l>/etc a~l/passwd", "error: does not exist" },
	{ "a whiteout of ..", "a=1|.wh...=", "error: whiteout of nothing" },
	{ "a whiteout without a name", "a=1|.wh.=", "error: whiteout of nothing" },
	{ "a whiteout through ..", "a=1|../.wh.a=", "error: .." },
	{ "overlayfs's own whiteout", "a!0", "error: 0:0" },
	{ "a symbolic link to nowhere", "a>", "error: empty target" },
};

static void test_merges(void)
{
	for (size_t i = 0; i < array_len(merges); i++) {
		_cleanup_image_ struct image *img = image_of(merges[i].layers);
		_cleanup_tree_ struct tree *t = tree_new(&err);
		_cleanup_free_ char *got = NULL;
		int r = img ? image_unpack(t, "", img, NULL, NULL, &err) : -1;

		if (str_starts(merges[i].want, "error: ")) {
			fine = r < 0 && strstr(error_text(&err), merges[i].want + 7);
			ok(fine, "%s: %s", merges[i].what, r < 0 ? error_text(&err) : "taken");
			continue;
		}
		got = r < 0 ? strdup(error_text(&err)) : list(t, false, true);
		ok_str(got, merges[i].want, merges[i].what);
	}
}

static void test_modes(void)
{
	_cleanup_image_ struct image *img = image_of("d:700/ d/x=1|.wh.d= d/y=2|e:1777/ f:4755=s");
	_cleanup_tree_ struct tree *t = tree_new(&err);
	_cleanup_free_ char *got = NULL;

	image_unpack(t, "", img, NULL, NULL, &err);
	got = list(t, true, true);
	ok_str(got, "d/y:644=2 d:755/ e:1777/ f:4755=s",
	       "modes; a directory that lost its description has the default");
}

/* --- merging of trees --- */

static int filter(void *data, const char *path, struct tree_node *node, struct error *e)
{
	char ***seen = data;

	strv_add(seen, *path ? path : ".");
	if (strstr(path, "bad"))
		return error_set(e, 0, "told so");
	if (strstr(path, "drop") && !strstr(path, "keep"))
		return TREE_DROP;
	if (str_eq(path, "change"))
		node->inode->mode = 0600;
	return TREE_KEEP;
}

static void test_trees(void)
{
	static const struct tree_meta meta = { .mode = 0751, .uid = 7 };
	_cleanup_tree_ struct tree *t = tree_new(&err);
	_cleanup_image_ struct image *one = image_of("b:700/ b/x=1 l>b f=1"), *two = image_of("b/y=2 f/ f/g=2 b/x=3"),
				     *three =
					     image_of("change=1 drop=2 dropdir/ dropdir/keep=3 dropempty/ z/ z/drop=1"),
				     *four = image_of("a=1 bad=2 c=3"), *five = image_of("l/x=1");
	_cleanup_strv_ char **seen = NULL;
	_cleanup_free_ char *got = NULL, *joined = NULL;

	ok(image_unpack(t, "p/q", one, NULL, NULL, &err) == 0 && image_unpack(t, "p/q", two, NULL, NULL, &err) == 0,
	   "an image over another");
	got = list(t, true, true);
	ok_str(got, "p/q/b/x:644=3 p/q/b/y:644=2 p/q/b:700/ p/q/f/g:644=2 p/q/f:644/ p/q/l:644>b p/q:755/ p:755/",
	       "an implied directory leaves the metadata alone, a described one replaces");
	free(steal_ptr(&got));
	fine = image_unpack(t, "p/q", five, NULL, NULL, &err) == 0;
	got = list(t, false, true);
	ok(fine && strstr(got, "p/q/b/x=1") && strstr(got, "p/q/l>b"),
	   "another image's directory goes where a link leads");
	tree_remove(t, "p");
	ok(tree_count(t) == 0, "everything is removed");

	ok(tree_add_dir(t, "x", &meta, &err) && image_unpack(t, "x", three, filter, &seen, &err) == 0, "with a filter");
	free(steal_ptr(&got));
	got = list(t, true, true);
	ok_str(got, "x/change:600=1 x/dropdir/keep:644=3 x/dropdir:755/ x/z:644/ x:751/", "it drops and changes");
	joined = strv_join(seen, " ");
	ok_str(joined, ". change drop dropdir dropdir/keep dropempty z z/drop", "it sees all paths, parents first");
	fine = image_unpack(t, "y", four, filter, &seen, &err) < 0 && strstr(error_text(&err), "told so");
	ok(fine, "it can refuse: %s", error_text(&err));
	ok(image_unpack(t, "x/change/y", one, NULL, NULL, &err) < 0 && err.code == ENOTDIR,
	   "a prefix below a file is refused");
	ok(image_unpack(t, "../y", one, NULL, NULL, &err) < 0, "a prefix with .. is refused");
}

/* Images that are put into one root: what one has as a link the other may have as a directory. */
static const struct {
	const char *what, *images, *want; /* images: separated by ';' */
} roots[] = {
	{ "the link later", "lib/m/k=1;usr/lib/c=2 lib>usr/lib",
	  "lib>usr/lib usr/ usr/lib/ usr/lib/c=2 usr/lib/m/ usr/lib/m/k=1" },
	{ "the link earlier", "usr/lib/c=2 lib>usr/lib;lib:700/ lib/m/k=1",
	  "lib>usr/lib usr/ usr/lib/ usr/lib/c=2 usr/lib/m/ usr/lib/m/k=1" },
	{ "the link in the middle", "lib/a=1;lib>usr/lib;lib/b=2",
	  "lib>usr/lib usr/ usr/lib/ usr/lib/a=1 usr/lib/b=2" },
	{ "the link's image wins", "usr/sbin/x=old;usr/bin/x=new usr/sbin>bin",
	  "usr/ usr/bin/ usr/bin/x=new usr/sbin>bin" },
	{ "a later directory's file wins", "l>d d/x=old;l/x=new", "d/ d/x=new l>d" },
	{ "an absolute link", "lib/a=1;lib>/usr/lib", "lib>/usr/lib usr/ usr/lib/ usr/lib/a=1" },
	{ "a link that leads above the root", "lib/a=1;lib>../../usr", "lib>../../usr usr/ usr/a=1" },
	{ "a chain of links", "l64/a=1;l64>ul64 ul64>ul", "l64>ul64 ul/ ul/a=1 ul64>ul" },
	{ "a chain of links the other way", "z/a=1;z>m m>/k", "k/ k/a=1 m>/k z>m" },
	{ "a link inside the directory that moves", "bin/b=1 lib/d/x>../../bin/b lib/y>d/x;lib>usr/lib",
	  "bin/ bin/b=1 lib>usr/lib usr/ usr/lib/ usr/lib/d/ usr/lib/d/x>/bin/b usr/lib/y>d/x" },
	{ "a file and a link to it become one", "bin/x>../usr/bin/x usr/bin/x=1;bin>usr/bin",
	  "bin>usr/bin usr/ usr/bin/ usr/bin/x=1" },
	{ "a link and its file become one", "bin/x=1 usr/bin/x>../../bin/x;bin>usr/bin",
	  "bin>usr/bin usr/ usr/bin/ usr/bin/x=1" },
	{ "equal links become one", "bin/x>/y usr/bin/x>/y;bin>usr/bin", "bin>usr/bin usr/ usr/bin/ usr/bin/x>/y" },
	{ "a dangling link gives way", "l>none;l/x=1", "l/ l/x=1" },
	{ "an empty directory gives way", "d/;d=1", "d=1" },
	{ "two files that would be one", "bin/x=1 usr/bin/x=2;bin>usr/bin",
	  "error: bin shall be a symbolic link to usr/bin: bin/x and usr/bin/x would be one file" },
	{ "a file over a directory with files", "d/x=1;d=2", "error: d: a directory with files in it" },
	{ "a link to a file over a directory with files", "d/x=1 f=2;d>f", "error: it leads to a file" },
	{ "a link to nowhere but itself", "d/x=1;d>d", "error: itself" },
	{ "a directory turned into a link below itself", "d/x=1;d>d/e", "error: itself" },
	{ "a directory that is being put into", "x/a=1 x/y>/;x/y/x>z",
	  "error: x: it would replace a directory that it" },
};

static void test_roots(void)
{
	for (size_t i = 0; i < array_len(roots); i++) {
		_cleanup_tree_ struct tree *t = tree_new(&err);
		_cleanup_strv_ char **images = strv_split(roots[i].images, ";");
		_cleanup_free_ char *got = NULL;
		int r = 0;

		for (char **words = images; r == 0 && *words; words++) {
			_cleanup_image_ struct image *img = image_of(*words);

			r = image_unpack(t, "", img, NULL, NULL, &err);
		}
		if (str_starts(roots[i].want, "error: ")) {
			fine = r < 0 && strstr(error_text(&err), roots[i].want + 7);
			ok(fine, "%s: %s", roots[i].what, r < 0 ? error_text(&err) : "taken");
			continue;
		}
		got = r < 0 ? strdup(error_text(&err)) : list(t, false, true);
		ok_str(got, roots[i].want, roots[i].what);
	}
}

static void test_resolve(void)
{
	_cleanup_tree_ struct tree *t = tree_new(&err);
	_cleanup_image_ struct image *img = image_of("usr/lib/x=1 lib>usr/lib up>../../usr loop>loop f=1");

	image_unpack(t, "box", img, NULL, NULL, &err);
	ok(tree_resolve(t, "box", "lib/x") == tree_find(t, "box/usr/lib/x"), "a path is found through a link");
	ok(tree_resolve(t, "box", "/up/lib/x") == tree_find(t, "box/usr/lib/x"), "nothing leads above a root");
	ok(!tree_resolve(t, "", "lib/x") && !tree_resolve(t, "box", "loop") && !tree_resolve(t, "box", "f/x") &&
		   !tree_resolve(t, "none", "x"),
	   "what leads nowhere is not found");
}

/* --- bounds --- */

/* The header block of a pax record for all members, with an extended attribute of n bytes. */
static void add_global_xattr(struct buf *b, size_t n)
{
	_cleanup_free_ uint8_t *value = calloc(1, n);
	struct tar_xattr x = { "user.big", value, n };
	struct tar_entry e = { .type = TAR_FILE, .path = "x", .target = "", .xattrs = &x, .xattr_count = 1 };
	_cleanup_buf_ struct buf one = { 0 };
	uint8_t *block;
	unsigned sum = 0;

	tar_write_header(&one, &e, NULL);
	block = (uint8_t *)buf_bytes(&one);
	block[156] = 'g';
	memset(block + 148, ' ', 8);
	for (int i = 0; i < TAR_BLOCK; i++)
		sum += block[i];
	snprintf((char *)block + 148, 8, "%06o", sum);
	buf_add(b, block, one.len - TAR_BLOCK); /* without the member's own header */
}

/* A layer of `count` files, whose global header says that each has the attribute. */
static int add_with_global(struct tree *t, size_t n, int count)
{
	_cleanup_free_ char *path = str_format("%s/global.tar", dir);
	_cleanup_source_ struct source *source = NULL;
	_cleanup_buf_ struct buf b = { 0 };

	add_global_xattr(&b, n);
	for (int i = 0; i < count; i++) {
		char word[24];

		snprintf(word, sizeof(word), "f%d=", i);
		add_member(&b, word);
	}
	file_write(path, buf_bytes(&b), b.len, 0644, NULL);
	source = source_from_file(path, &err);
	return tree_add_archive(t, "", source, "layer", NULL, NULL, &err);
}

static void test_bounds(void)
{
	_cleanup_tree_ struct tree *deep = tree_new(&err), *many = tree_new(&err), *few = tree_new(&err),
				   *own = tree_new(&err), *holes = tree_new(&err);
	char path[4096];
	int i, r = 0;

	for (i = 0; r == 0 && i < 1000; i++) {
		int n = snprintf(path, sizeof(path), "%d", i);

		for (; n < 4000; n += 2)
			memcpy(path + n, "/a", 3);
		r = tree_add_dir(deep, path, &(struct tree_meta){ 0 }, &err) ? 0 : -1;
	}
	ok(r < 0 && err.code == E2BIG && strstr(error_text(&err), "256 MiB of paths"),
	   "directories that a few long names imply are bounded: %.60s", error_text(&err));
	ok(tree_count(deep) < 200000, "%zu of them", tree_count(deep));
	r = 0;
	for (i = 0; r == 0 && i < 60000; i++) {
		snprintf(path, sizeof(path), "%d/1/2/3/4/5/6/7/8/9/a/b/c/d/e/f/g/h/i/j", i);
		r = tree_add_dir(many, path, &(struct tree_meta){ 0 }, &err) ? 0 : -1;
	}
	ok(r < 0 && strstr(error_text(&err), "more than 1000000 files and directories") && tree_count(many) == 1000000,
	   "names are counted with those that are implied: %s", error_text(&err));

	ok(add_with_global(few, 60000, 500) == 0 && tree_find(few, "f7")->inode->xattrs->len == 60000 &&
		   tree_find(few, "f7")->inode->xattrs == tree_find(few, "f300")->inode->xattrs,
	   "extended attributes of a global header are held once");
	tree_set_xattr(tree_find(few, "f7"), "user.big", "x", 1, &err);
	ok(tree_find(few, "f7")->inode->xattrs->len == 1 && tree_find(few, "f300")->inode->xattrs->len == 60000,
	   "changing one file's leaves the others' alone");
	r = add_with_global(own, 60000, 5000);
	ok(r < 0 && err.code == E2BIG && strstr(error_text(&err), "extended attributes"), "and count for each file: %s",
	   error_text(&err));
	r = 0;
	for (i = 0; r == 0 && i < 3; i++)
		r = tree_take_holes(holes, UINT64_C(6) << 30, "x", &err);
	ok(r < 0 && i == 3 && err.code == E2BIG, "holes are bounded: %s", error_text(&err));
}

static void test_entries(void)
{
	static const struct tree_meta meta = { .mode = 0640 };
	_cleanup_tree_ struct tree *t = tree_new(&err), *other = tree_new(&err);
	_cleanup_free_ char *file = str_format("%s/host", dir), *got = NULL, *longest = calloc(1, 300);
	_cleanup_buf_ struct buf text = { 0 };
	struct tree_node *n;

	memset(longest, 'n', 256);
	file_write(file, "host", 4, 0644, NULL);
	ok(tree_add_bytes(t, "a/mem", &meta, "memory", 6, &err) && tree_add_file(t, "a/file", &meta, file, &err) &&
		   tree_add_symlink(t, "a/link", &meta, "mem", &err) && tree_add_link(t, "a/hard", "a/file", &err) &&
		   tree_add_special(t, "a/fifo", &meta, TREE_FIFO, 0, 0, &err) &&
		   tree_add_bytes(t, "a/empty", &meta, "", 0, &err),
	   "single entries are added");
	got = list(t, true, true);
	ok_str(got, "a/empty:640= a/fifo:640| a/file:640=host a/hard:640~a/file a/link:640>mem a/mem:640=memory a:755/",
	       "and listed");
	ok(tree_add_copy(other, "x", tree_find(t, "a/hard"), &err) &&
		   tree_add_copy(other, "y", tree_find(t, "a/mem"), &err),
	   "nodes are copied to another tree");
	free(steal_ptr(&got));
	got = list(other, false, true);
	ok_str(got, "x=host y=memory", "with their content");
	n = tree_find(t, "a/mem");
	tree_set_xattr(n, "user.b", "2", 1, &err);
	tree_set_xattr(n, "user.a", "1", 1, &err);
	tree_set_xattr(n, "user.b", "3", 1, &err);
	ok(str_eq(n->inode->xattrs->name, "user.a") && str_eq(n->inode->xattrs->next->name, "user.b") &&
		   n->inode->xattrs->next->value[0] == '3' && !n->inode->xattrs->next->next,
	   "extended attributes are sorted and replaced");
	ok(tree_read(n, 100, &text, &err) == 0 && str_eq(buf_text(&text), "memory"), "content is read");
	fine = tree_read(n, 3, &text, &err) < 0 && err.code == EFBIG;
	ok(fine, "up to a limit");
	ok(!tree_open(tree_find(t, "a"), &err), "a directory has none");
	ok(!tree_add_bytes(t, longest, &meta, "", 0, &err) && err.code == EINVAL, "a name of 256 bytes is refused");
	ok(!tree_add_bytes(t, "", &meta, "", 0, &err), "a file as root is refused");
	ok(!tree_add_bytes(t, "a/mem/x", &meta, "", 0, &err) && err.code == ENOTDIR, "a file in a file is refused");
	ok(!tree_add_bytes(t, "a/link/x", &meta, "", 0, &err) && err.code == ENOTDIR, "a file below a link is refused");
	ok(!tree_add_file(t, "x", &meta, dir, &err), "a directory as file is refused");
	ok(!tree_find(t, "/a") && !tree_find(t, "a/../a") && tree_find(t, "./a//mem/") == n,
	   "paths are found as they are added");
	ok(truncate(file, 2) == 0, "a layer is cut short");
	free(steal_ptr(&got));
	got = list(t, false, true);
	ok(strstr(got, "ends early") || strstr(got, "shrunk"), "a file that shrinks is told: %s", got);
}

static void test_archives(void)
{
	_cleanup_tree_ struct tree *t = tree_new(&err), *k = tree_new(&err);
	_cleanup_buf_ struct buf b = { 0 }, inner = { 0 };
	_cleanup_free_ char *path = str_format("%s/outer.tar", dir), *got = NULL;
	_cleanup_source_ struct source *source = NULL;
	struct tar_entry e = { .type = TAR_FILE, .path = "kernel.tar", .target = "", .mode = 0644 };

	archive_of(&inner, "./ lib/ lib/.wh.m=1 lib/n=22");
	add_member(&b, "kernel=vmlinuz");
	e.size = inner.len;
	tar_write_header(&b, &e, NULL);
	buf_add(&b, buf_bytes(&inner), inner.len);
	add_member(&b, "last=1");
	buf_add(&b, (uint8_t[2 * TAR_BLOCK]){ 0 }, (size_t)2 * TAR_BLOCK);
	file_write(path, buf_bytes(&b), b.len, 0644, NULL);
	source = source_from_file(path, &err);
	ok(tree_add_archive(k, "", source, "outer", NULL, NULL, &err) == 0, "an archive is added");
	ok(tree_add_archive_node(t, "m", tree_find(k, "kernel.tar"), NULL, NULL, &err) == 0, "and the one inside it");
	ok(tree_add_copy(t, "boot/kernel", tree_find(k, "kernel"), &err) &&
		   tree_add_copy(t, "boot/again", tree_find(k, "kernel"), &err),
	   "a file of it is used twice");
	tree_free(steal_ptr(&k));
	got = list(t, false, true);
	ok_str(got, "boot/ boot/again=vmlinuz boot/kernel=vmlinuz m/ m/lib/ m/lib/.wh.m=1 m/lib/n=22",
	       "names like whiteouts are plain files, contents are found after the first tree is gone");
	/* the same length, another content: another tar header at least */
	ok(truncate(path, 512) == 0, "a layer is cut short");
	free(steal_ptr(&got));
	got = list(t, false, true);
	ok(strstr(got, "early") || strstr(got, "changed"), "an archive that changes in between is told: %s", got);
}

/* A stream of ever the same header, of which no end is known. */
static ssize_t headers_read(struct stream *s, void *data, size_t n, struct error *e)
{
	static size_t at;
	_cleanup_buf_ struct buf b = { 0 };

	(void)s;
	tar_write_header(&b, &(struct tar_entry){ .type = TAR_DIR, .path = "d/", .target = "", .mode = 0755 }, e);
	n = n < b.len - at ? n : b.len - at;
	memcpy(data, buf_bytes(&b) + at, n);
	at = (at + n) % b.len;
	return (ssize_t)n;
}

static void headers_close(struct stream *s)
{
	(void)s;
}

static struct stream *headers_open(struct source *source, struct error *e)
{
	static struct stream s = { headers_read, headers_close };

	(void)source;
	(void)e;
	return &s;
}

/* Names that come again and again take no room in a tree, but time. */
static void test_members(void)
{
	struct source endless = { .open = headers_open, .refs = 1 };
	struct archive a;

	ok(archive_open(&a, &endless, "endless", &err) == 0 && archive_next(&a, &err) == 1 && a.count == 1,
	   "members are counted");
	a.count = 1000000 - 1;
	ok(archive_next(&a, &err) == 1 && a.index == 999999, "the last of a million members");
	fine = archive_next(&a, &err) < 0 && strstr(error_text(&err), "more than 1000000 members");
	ok(fine, "and no more: %s", error_text(&err));
	archive_close(&a);
}

static void test_order(void)
{
	_cleanup_tree_ struct tree *t = tree_new(&err);
	_cleanup_image_ struct image *img = image_of("z/ z/z=1 z/a=2 a/ a/m=3 a/h~z/z|b>c y=4");
	_cleanup_free_ char *got = NULL;

	image_unpack(t, "", img, NULL, NULL, &err);
	got = list(t, false, false);
	ok_str(got, "a/ z/ b>c a/h=1 z/z~a/h z/a=2 a/m=3 y=4",
	       "directories, links, then files as the layers have them");
}

static void test_damage(void)
{
	_cleanup_image_ struct image *img = image_of("a=1");
	_cleanup_tree_ struct tree *t = tree_new(&err);
	_cleanup_free_ char *blob =
		str_format("%s/blobs/sha256/%s", store_path(store), img->manifest.layers[0].digest + 7);
	int fd = open(blob, O_WRONLY | O_CLOEXEC);

	ok(pwrite(fd, "x", 1, 2000) == 1, "a layer is damaged behind its last entry");
	close(fd);
	fine = image_unpack(t, "", img, NULL, NULL, &err) < 0 && strstr(error_text(&err), "damaged");
	ok(fine, "and refused: %s", error_text(&err));
	ok(tree_count(t) == 0, "nothing of it is in the tree");
	unlink(blob);
	fine = image_unpack(t, "", img, NULL, NULL, &err) < 0 && err.code == EBADMSG &&
		strstr(error_text(&err), "is not in the image cache");
	ok(fine, "a missing layer: %s", error_text(&err));
}

/* --- what other programs make of the archives --- */

static void run_row(const char *what, const char *command)
{
	_cleanup_free_ char *full = str_format("cd %s && %s", dir, command);

	ok(system(full) == 0, "%s", what);
}

static void test_programs(void)
{
	_cleanup_tree_ struct tree *t = tree_new(&err);
	_cleanup_image_ struct image *img = image_of("d:700/ d/f=text d/h~d/f s>d/f u:4755=x");
	_cleanup_free_ char *tar = str_format("%s/o.tar", dir), *cpio = str_format("%s/o.cpio", dir);
	struct output_initrd how = { .zip = ZIP_ZSTD };

	image_unpack(t, "", img, NULL, NULL, &err);
	ok(output_tar(t, NULL, tar, ZIP_GZIP, &err) == 0 && output_initrd(t, &how, NULL, cpio, &err) == 0,
	   "tar and cpio are written");
	run_row("GNU tar unpacks", "mkdir t && tar -C t -xzpf o.tar");
	run_row("cpio unpacks", "mkdir c && zstd -dqc o.cpio | (cd c && cpio -idm --quiet)");
	for (const char *const *p = (const char *const[]){ "t", "c", NULL }; *p; p++) {
		_cleanup_free_ char *test = str_format(
			"[ \"$(cat %s/d/f)\" = text ] && [ %s/d/f -ef %s/d/h ] && [ \"$(readlink %s/s)\" = d/f ] && "
			"[ $(stat -c %%a %s/d) = 700 ] && [ $(stat -c %%a:%%u:%%g:%%Y %s/u) = 4755:1:2:1000 ]",
			*p, *p, *p, *p, *p, *p);

		if (geteuid() == 0)
			run_row("with links, modes, owners and times", test);
	}
}

/* The kernel's unpacker makes no parents: also a hard link must find its directory. */
static void test_parents(void)
{
	_cleanup_image_ struct image *img = image_of("a/ a/s>x b/ b/h~a/s");
	_cleanup_free_ char *cpio = str_format("%s/links.cpio", dir);
	struct output_initrd how = { .zip = ZIP_NONE };
	_cleanup_tree_ struct tree *t = tree_new(&err);

	image_unpack(t, "", img, NULL, NULL, &err);
	ok(output_initrd(t, &how, NULL, cpio, &err) == 0, "a tree of links alone is written");
	run_row("directories before their links",
		"[ \"$(cpio -t --quiet <links.cpio | grep -x -e b -e b/h | tr '\\n' ' ')\" = 'b b/h ' ]");
}

/* The tuned kernel takes the pages of the archive for those of the file. */
static void test_pages(void)
{
	_cleanup_free_ char *cpio = str_format("%s/pages.cpio", dir), *big = str_format("%s/big", dir);
	const struct tree_meta meta = { .mode = 0644 };
	struct output_initrd how = { .zip = ZIP_NONE };
	_cleanup_tree_ struct tree *t = tree_new(&err);

	run_row("a large file", "seq 100000 | head -c 70000 >big");
	ok(tree_add_file(t, "a", &meta, big, &err) && tree_add_bytes(t, "b", &meta, "text", 4, &err) &&
		   tree_add_file(t, "cc", &meta, big, &err) && output_initrd(t, &how, NULL, cpio, &err) == 0,
	   "an archive of large files");
	run_row("these begin on whole pages",
		"python3 -c 'd = open(\"pages.cpio\", \"rb\").read(); b = open(\"big\", \"rb\").read(); "
		"p = d.find(b); q = d.find(b, p + 1); assert p > 0 and p % 4096 == 0 and q > p and q % 4096 == 0'");
	run_row("cpio unpacks them under their names",
		"mkdir p && (cd p && cpio -idm --quiet <../pages.cpio) && cmp big p/a && cmp big p/cc && [ $(cat p/b) "
		"= text ]");
}

int main(void)
{
	if (!mkdtemp(dir))
		return 1;
	store = store_open(dir, &err);
	if (!store)
		return 1;
	test_merges();
	test_roots();
	test_resolve();
	test_bounds();
	test_modes();
	test_trees();
	test_entries();
	test_archives();
	test_members();
	test_order();
	test_damage();
	test_programs();
	test_parents();
	test_pages();
	store_close(store);
	error_clear(&err);
	dir_remove(dir, NULL);
	return tap_done();
}
