/* lib/sys: depmod's indexes against kmod's own reading of them, and modules' configuration. */
#include "modconf.h"
#include "modindex.h"
#include "str.h"
#include "tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io.h"

static char top[] = "/tmp/test_module.XXXXXX";

/* Object files with a .modinfo section are modules enough for depmod. */
static const struct {
	const char *name, *modinfo;
} modules[] = {
	{ "virtio_net", "alias=virtio:d00000001v*\\0depends=failover\\0" },
	{ "failover", "license=x\\0" },
	{ "e1000", "alias=pci:v00008086d0000100Esv*sd*bc*sc*i*\\0alias=pci:v00008086d0000100Fsv*sd*bc*sc*i*\\0" },
	{ "generic-pci", "alias=pci:v*d*sv*sd*bc02sc*i*\\0" },
	{ "keys", "alias=input:b*v*p*e*-e*1,*k*7[4-9],*\\0alias=input:b*v*p*e*-e*1,*k*r*\\0" },
	{ "question", "alias=x:?b\\0alias=x:[ac]c\\0" },
	{ "fsmodule", "alias=fs-thing\\0alias=fs-other_thing\\0" },
	{ "star", "alias=*\\0" },
};

static const char *const texts[] = {
	"virtio:d00000001v00001AF4",
	"virtio:d00000002v00001AF4",
	"virtio:d00000001v",
	"pci:v00008086d0000100Esv00001AF4sd00001100bc02sc00i00",
	"pci:v00008086d0000100Fsv1sd1bc01sc00i00",
	"pci:v00001234d00005678sv0sd0bc02sc00i00",
	"input:b0019v0000p0001e0000-e0,1,k74,ramlsfw",
	"input:b0019v0000p0001e0000-e0,1,k73,ramlsfw",
	"x:ab",
	"x:bc",
	"x:cc",
	"x:c",
	"fs-thing",
	"fs_thing",
	"fs-other-thing",
	"zzz",
	"-",
};

static void modules_make(void)
{
	_cleanup_buf_ struct buf script = { 0 };
	size_t i;

	buf_addf(&script, "set -e; d=%s/lib/modules/1.2.3; mkdir -p $d/kernel; cd $d\n", top);
	for (i = 0; i < array_len(modules); i++)
		buf_addf(&script,
			 "printf '%%s\\n' 'const char m[] __attribute__((section(\".modinfo\"),used)) = "
			 "\"%sname=%s\";' |"
			 " gcc -x c -c -o kernel/%s.ko -\n",
			 modules[i].modinfo, modules[i].name, modules[i].name);
	buf_addf(&script, "touch modules.order modules.builtin; PATH=$PATH:/sbin depmod -b %s 1.2.3 2>/dev/null", top);
	ok(system(buf_text(&script)) == 0, "depmod takes the modules made here");
}

static int collect(void *data, uint32_t priority, const char *value)
{
	(void)priority;
	return strv_has(*(char ***)data, value) ? 0 : strv_add(data, value);
}

/* What kmod finds for an alias, sorted, a name a line. */
static char *kmod_resolves(const char *text)
{
	_cleanup_free_ char *command =
		str_format("PATH=$PATH:/sbin modprobe -d %s -S 1.2.3 -R '%s' 2>/dev/null | LC_ALL=C sort -u", top,
			   text);
	_cleanup_buf_ struct buf out = { 0 };
	FILE *f = popen(command, "r");
	char line[256];

	while (f && fgets(line, sizeof(line), f))
		buf_addstr(&out, line);
	if (f)
		pclose(f);
	return strdup(buf_text(&out));
}

static void test_match(const struct modindex *index)
{
	for (size_t i = 0; i < array_len(texts); i++) {
		_cleanup_strv_ char **found = NULL;
		_cleanup_free_ char *key = strdup(texts[i]), *want = kmod_resolves(texts[i]), *got = NULL;
		_cleanup_buf_ struct buf lines = { 0 };

		modconf_normalise(key);
		ok(modindex_match(index, key, collect, &found, NULL) == 0, "looking up %s", texts[i]);
		if (found)
			strv_sort(found);
		for (char **f = found; f && *f; f++)
			buf_addf(&lines, "%s\n", *f);
		got = strdup(buf_text(&lines));
		ok_str(got, want, "gives what kmod finds");
	}
}

static void test_damage(const struct buf *good)
{
	unsigned refused = 0;

	/* Every byte changed in turn, every length cut: whatever comes out, nothing outside is read. */
	for (size_t i = 0; i < good->len; i++) {
		uint8_t *copy = malloc(good->len);
		struct modindex index;

		memcpy(copy, buf_bytes(good), good->len);
		copy[i] ^= 0x85;
		for (size_t t = 0; t < array_len(texts); t++) {
			_cleanup_strv_ char **found = NULL;

			if (modindex_open(copy, good->len, &index, NULL) < 0) {
				refused++;
				continue;
			}
			refused += modindex_match(&index, texts[t], collect, &found, NULL) < 0;
			modindex_value(&index, texts[t]);
		}
		free(copy);
	}
	for (size_t n = 0; n < good->len; n += 7) {
		uint8_t *copy = malloc(n + 1);
		_cleanup_strv_ char **found = NULL;
		struct modindex index;

		memcpy(copy, buf_bytes(good), n);
		if (modindex_open(copy, n, &index, NULL) < 0 ||
		    modindex_match(&index, texts[3], collect, &found, NULL) < 0)
			refused++;
		free(copy);
	}
	ok(refused > good->len / 4, "damaged indexes are refused (%u times)", refused);
}

static void test_index(void)
{
	_cleanup_free_ char *alias = str_format("%s/lib/modules/1.2.3/modules.alias.bin", top),
			    *dep = str_format("%s/lib/modules/1.2.3/modules.dep.bin", top);
	_cleanup_buf_ struct buf a = { 0 }, d = { 0 };
	struct modindex index;

	ok(file_read(alias, 1 << 20, &a, NULL) == 0 && modindex_open(buf_bytes(&a), a.len, &index, NULL) == 0,
	   "the index of aliases");
	test_match(&index);
	test_damage(&a);
	ok(file_read(dep, 1 << 20, &d, NULL) == 0 && modindex_open(buf_bytes(&d), d.len, &index, NULL) == 0,
	   "the index of paths");
	ok_str(modindex_value(&index, "virtio_net"), "kernel/virtio_net.ko:", "a module's path");
	ok_str(modindex_value(&index, "generic_pci"), "kernel/generic-pci.ko:", "names have underscores");
	ok_str(modindex_value(&index, "virtio"), NULL, "the start of a name is none");
	ok_str(modindex_value(&index, "virtio_net2"), NULL, "nor is a longer one");
	{
		static const uint8_t none[] = { 0xB0, 0x07, 0xF4, 0x57, 0, 2, 0, 1, 0, 0, 0, 12 };

		ok(modindex_open(none, sizeof(none), &index, NULL) == 0 && modindex_empty(&index),
		   "an index of nothing");
		ok(modindex_match(&index, "x", collect, NULL, NULL) == 0 && !modindex_value(&index, "x"),
		   "has nothing");
	}
	ok(modindex_open("x", 1, &index, NULL) == -1 &&
		   modindex_open("\xB0\x07\xF4\x57\0\1\0\1\0\0\0\0", 12, &index, NULL) == -1,
	   "other files and versions are refused");
}

static void test_conf(void)
{
	static const char text[] =
		"# comment\nblacklist Some-mod\noptions  virtio-net a=1  b=2\noptions virtio_net c=\\\n3\n"
		"softdep ext4 pre: crc32c mb-cache post: x\nsoftdep a post: b\noptions\nblacklist\nblacklist last";
	_cleanup_modconf_ struct modconf c = { 0 };
	_cleanup_free_ char *options = NULL, *none = NULL, *cmdline = NULL, *blacklist = NULL, *needs = NULL,
			    *list = NULL;
	_cleanup_strv_ char **names = NULL;

	ok(modconf_parse(&c, text, sizeof(text) - 1) == 0, "a file of modprobe.d");
	options = modconf_options(&c, "virtio_net");
	ok_str(options, "a=1  b=2 c=  3", "options of all lines, one of them continued");
	none = modconf_options(&c, "virtio");
	ok_str(none, "", "a module without options");
	needs = strv_join(c.needs, ",");
	ok_str(needs, "ext4 crc32c,ext4 mb_cache", "what is to be loaded before");
	ok(modconf_parse_cmdline(&c, "quiet module-a.x=1 modprobe.blacklist=b-1,b2 a=b.c .x virtio.y\n") == 0,
	   "the command line");
	cmdline = modconf_options(&c, "module_a");
	ok_str(cmdline, "x=1", "options on the command line");
	blacklist = strv_join(c.blacklist, ",");
	ok_str(blacklist, "Some_mod,last,b_1,b2", "the blacklist of both");
	ok(modconf_parse_list("a\n# b\n ; c\n\n  d-e  \nf", 21, &names) == 0, "a list of modules");
	list = strv_join(names, ",");
	ok_str(list, "a,d-e,f", "its names");
}

int main(void)
{
	_cleanup_free_ char *clean = NULL;

	if (!mkdtemp(top))
		return 1;
	modules_make();
	test_index();
	test_conf();
	dir_remove(top, NULL);
	return tap_done();
}
