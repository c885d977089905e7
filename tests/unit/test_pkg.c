/* What `pith pkg build` reads of others: ELF files, Debian's control data, build.yml. */
#include <elf.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "control.h"
#include "elf.h"
#include "fields.h"
#include "io.h"
#include "recipe.h"
#include "str.h"
#include "tap.h"
#include "unpacked.h"

/* --- ELF ---------------------------------------------------------------------------------------------------------- */

/* A file with an interpreter, a dynamic section and its strings, in one segment that maps offset 0 to address BASE. */
enum { BASE = 0x400000, STRINGS = 512, DYNAMIC_AT = 256, FILE_SIZE = 1024 };

struct sample {
	uint8_t bytes[FILE_SIZE];
	size_t dynamics, strings;
};

static Elf64_Ehdr *head(struct sample *s)
{
	return (Elf64_Ehdr *)(void *)s->bytes;
}

static Elf64_Phdr *segment(struct sample *s, unsigned i)
{
	return (Elf64_Phdr *)(void *)(s->bytes + sizeof(Elf64_Ehdr)) + i;
}

static void dynamic(struct sample *s, int64_t tag, uint64_t value)
{
	Elf64_Dyn *d = (Elf64_Dyn *)(void *)(s->bytes + DYNAMIC_AT) + s->dynamics++;

	d->d_tag = tag;
	d->d_un.d_val = value;
}

static uint64_t text(struct sample *s, const char *t)
{
	size_t at = s->strings;

	memcpy(s->bytes + STRINGS + at, t, strlen(t) + 1);
	s->strings += strlen(t) + 1;
	return at;
}

static void make(struct sample *s)
{
	*s = (struct sample){ .strings = 1 };
	*head(s) = (Elf64_Ehdr){ .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
				 .e_machine = EM_X86_64,
				 .e_phoff = sizeof(Elf64_Ehdr),
				 .e_phentsize = sizeof(Elf64_Phdr),
				 .e_phnum = 3 };
	*segment(s, 0) = (Elf64_Phdr){ .p_type = PT_LOAD, .p_vaddr = BASE, .p_filesz = FILE_SIZE };
	*segment(s, 1) =
		(Elf64_Phdr){ .p_type = PT_INTERP, .p_offset = STRINGS + text(s, "/lib/ld.so"), .p_filesz = 11 };
	*segment(s, 2) = (Elf64_Phdr){ .p_type = PT_DYNAMIC, .p_offset = DYNAMIC_AT, .p_filesz = 256 };
	dynamic(s, DT_NEEDED, text(s, "libb.so.1"));
	dynamic(s, DT_NEEDED, text(s, "liba.so.2"));
	dynamic(s, DT_SONAME, text(s, "self.so"));
	dynamic(s, DT_RPATH, text(s, "/old"));
	dynamic(s, DT_RUNPATH, text(s, "$ORIGIN/../lib:/opt/lib"));
	dynamic(s, DT_STRTAB, BASE + STRINGS);
}

static void elf_good(void)
{
	struct sample s;
	struct elf e;

	make(&s);
	ok(elf_parse(s.bytes, sizeof(s.bytes), &e, NULL) == 1, "an ELF file");
	ok_str(e.interpreter, "/lib/ld.so", "its interpreter");
	ok_str(e.soname, "self.so", "its own name");
	ok(strv_len(e.needed) == 2 && str_eq(e.needed[0], "libb.so.1") && str_eq(e.needed[1], "liba.so.2"),
	   "libraries in its order");
	ok(strv_len(e.runpath) == 2 && str_eq(e.runpath[0], "$ORIGIN/../lib"), "RUNPATH stands for RPATH");
	ok(e.machine == EM_X86_64, "its machine");
	elf_clear(&e);
	make(&s);
	segment(&s, 1)->p_type = segment(&s, 2)->p_type = PT_NOTE;
	ok(elf_parse(s.bytes, sizeof(s.bytes), &e, NULL) == 1 && !e.interpreter && !e.needed, "a static one");
	elf_clear(&e);
	ok(elf_parse("#!/bin/sh\n", 10, &e, NULL) == 0 && elf_parse("", 0, &e, NULL) == 0, "no ELF file at all");
}

static void elf_bad(void)
{
	static const char *const names[] = {
		"too short",
		"32 bits",
		"big-endian",
		"headers behind the file",
		"headers of another size",
		"no path for an interpreter",
		"an interpreter behind the file",
		"a string behind the file",
	};
	size_t i;

	for (i = 0; i < array_len(names); i++) {
		struct error err = { 0 };
		struct sample s;
		struct elf e;
		size_t n = sizeof(s.bytes);

		make(&s);
		switch (i) {
		case 0:
			n = 40;
			break;
		case 1:
			head(&s)->e_ident[EI_CLASS] = ELFCLASS32;
			break;
		case 2:
			head(&s)->e_ident[EI_DATA] = ELFDATA2MSB;
			break;
		case 3:
			head(&s)->e_phoff = UINT64_MAX - 8;
			break;
		case 4:
			head(&s)->e_phentsize = 32;
			break;
		case 5:
			s.bytes[STRINGS + 1] = 'x';
			break;
		case 6:
			segment(&s, 1)->p_offset = UINT64_MAX;
			break;
		default:
			dynamic(&s, DT_NEEDED, UINT64_MAX - 1);
			break;
		}
		ok(elf_parse(s.bytes, n, &e, &err) < 0 && err.msg, "refused: %s", names[i]);
		elf_clear(&e);
		error_clear(&err);
	}
}

static void elf_self(void)
{
	_cleanup_buf_ struct buf own = { 0 };
	struct elf e;

	ok(file_read("/proc/self/exe", 64u << 20, &own, NULL) == 0 &&
		   elf_parse(buf_bytes(&own), own.len, &e, NULL) == 1 && e.interpreter &&
		   strv_has(e.needed, "libc.so.6"),
	   "this program needs the C library");
	elf_clear(&e);
}

/* --- control data ------------------------------------------------------------------------------------------------ */

#define SUM           "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define PACKAGE(more) "Package: a\nVersion: 1:2.3-4+b1\nArchitecture: amd64\nSHA256: " SUM "\n" more

static void control(void)
{
	static const char two[] =
		"\n\n" PACKAGE("Pre-Depends: libc6 (>= 2.34), x\nDepends: libb:any [amd64] | c, libc6,\n"
			       "Description: one\n two: three\n .\nSize: 123\nSource: src (1-2)\n"
			       "Maintainer: A B <a@b>\n") "\n" PACKAGE("Maintainer: a\tb\n");
	static const char *const bad[] = {
		"Package: a\n",
		"Package: a/b\nVersion: 1\nArchitecture: amd64\nSHA256: " SUM "\n",
		"Package: a\nVersion: 1 2\nArchitecture: amd64\nSHA256: " SUM "\n",
		"Package: a\nVersion: 1\nArchitecture: amd64\nSHA256: 12\n",
		PACKAGE("Size: many\n"),
		PACKAGE("Size: 18446744073709551616\n"),
		"no field\n",
		" begins with a blank\n",
	};
	_cleanup_buf_ struct buf again = { 0 };
	static const char nul[] = "Package: a\0b\nVersion: 1\nArchitecture: amd64\nSHA256: " SUM "\n";
	struct control c;
	long n = control_parse(two, strlen(two), &c, NULL);
	size_t i;

	ok(n > 0 && str_eq(c.name, "a") && str_eq(c.version, "1:2.3-4+b1") && str_eq(c.arch, "amd64") &&
		   str_eq(c.sha256, SUM) && c.size == 123,
	   "the fields of a stanza");
	ok(strv_len(c.depends) == 3 && str_eq(c.depends[0], "libc6") && str_eq(c.depends[1], "x") &&
		   str_eq(c.depends[2], "libb"),
	   "first alternatives, each once, without versions and architectures");
	control_write(&c, &again);
	ok_str(buf_text(&again),
	       "Package: a\nSource: src (1-2)\nVersion: 1:2.3-4+b1\nArchitecture: amd64\nMaintainer: A B <a@b>\n",
	       "what names it, as a stanza");
	control_clear(&c);
	ok(n > 0 && control_parse(two + n, strlen(two) - (size_t)n, &c, NULL) > 0 && !c.depends && !c.maintainer,
	   "the next stanza, without what is no text");
	control_clear(&c);
	ok(control_parse("\n\n", 2, &c, NULL) == 0 && control_parse("", 0, &c, NULL) == 0, "none left");
	for (i = 0; i < array_len(bad); i++)
		ok(control_parse(bad[i], strlen(bad[i]), &c, NULL) < 0 && !c.name, "refused: %.20s...", bad[i]);
	ok(control_parse(nul, sizeof(nul) - 1, &c, NULL) < 0, "refused: a NUL in a name");
}

/* --- build.yml --------------------------------------------------------------------------------------------------- */

static bool recipe(const char *yaml, char **messages)
{
	_cleanup_recipe_ struct recipe r = { 0 };
	char *copy = strdup(yaml), *out = NULL;
	size_t size;
	FILE *to = open_memstream(&out, &size);
	bool good = recipe_parse(&r, "build.yml", copy, strlen(copy));

	diags_print(&r.diags, to, false);
	fclose(to);
	*messages = out;
	return good;
}

static void recipes(void)
{
	static const char *const good[] = {
		"image: a\n",
		"org: pith\nimage: a\narches: [amd64, arm64]\nentrypoint: [/bin/a]\nenv: [A=b]\n",
		"image: a\nfiles:\n  - {path: bin/a, source: a, mode: \"0755\"}\n  - {path: etc/b, contents: x}\n",
		"image: a\ndebian: {packages: [redis-server], include: [usr/bin/*], libraries: true}\n",
		"image: a\nnetwork: true\ndisable-cache: true\n",
	};
	static const struct {
		const char *yaml, *message;
	} bad[] = {
		{ "image: [a]\n", "build.yml:1:8: error:" },
		{ "image: a\nfiels: []\n", "build.yml:2:1: error: unknown key \"fiels\"" },
		{ "image: a\nfiles:\n  - {source: a}\n", "build.yml:3:5: error: files[0]:" },
		{ "image: a\nfiles:\n  - {path: a, contents: b, symlink: c}\n", "build.yml:3:" },
		{ "image: a\nfiles:\n  - {path: a, contents: b, mode: 0855}\n", "build.yml:3:" },
		{ "image:\n", "build.yml:1:1: error: the key \"image\" is missing" },
		{ "image: a\nnetwork: \"true\"\n", "build.yml:2:10: error: network:" },
		{ "image: a\nnetwork: yEs\n", "build.yml:2:10: error: network:" },
		{ "image: a\nnetwork: 1\n", "build.yml:2:10: error: network:" },
		{ "image: a\narches: amd64\n", "build.yml:2:9: error: arches:" },
		{ "image: a\nconfig: {oomScoreAdj: \"5\"}\n", "build.yml:2:23: error: config.oomScoreAdj:" },
		{ "image: a\ndebian: {include: [a]}\n", "build.yml:2:9: error: debian:" },
		{ "image: a\nimage: b\n", "build.yml:2:1: error:" },
		{ "image: a\nfiles: {\n", "build.yml:" },
		{ "org: pith\n", "build.yml:1:1: error:" },
		{ "", "build.yml: error: there is nothing in the file" },
	};
	size_t i;

	for (i = 0; i < array_len(good); i++) {
		_cleanup_free_ char *messages = NULL;

		ok(recipe(good[i], &messages), "taken: %s", strtok(strdupa(good[i]), "\n"));
		ok_str(messages, "", "without a word");
	}
	for (i = 0; i < array_len(bad); i++) {
		_cleanup_free_ char *messages = NULL;

		if (!ok(!recipe(bad[i].yaml, &messages) && str_starts(messages, bad[i].message), "refused: %s",
			bad[i].message))
			printf("#   %s\n", messages);
	}
}

/* --- files of an unpacked package ----------------------------------------------------------------------------------
 */

static int unlink_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static bool finds(const char *root, const char *path, const char *want)
{
	_cleanup_free_ char *found = unpacked_find(root, path),
			    *expected = want ? str_format("%s/%s", root, want) : NULL;

	return want ? found && str_eq(found, expected) : !found;
}

static void unpacked(void)
{
	char top[] = "/tmp/test_pkg.XXXXXX", root[64], path[128];
	static const struct {
		const char *name, *target;
	} links[] = {
		{ "usr/lib/plain.so", "libx.so" },
		{ "usr/lib/absolute.so", "/usr/lib/libx.so" },
		{ "usr/lib/host.so", "/etc/passwd" },
		{ "usr/lib/up.so", "../../../secret" },
		{ "lib", "usr/lib" },
		{ "out", "../" },
		{ "usr/lib/magic", "/proc/self/exe" },
		{ "usr/lib/self", "self" },
	};
	size_t i;

	if (!mkdtemp(top))
		abort();
	snprintf(root, sizeof(root), "%s/root", top);
	for (i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s%s", root, i == 0 ? "" : i == 1 ? "/usr" : "/usr/lib");
		if (mkdir(path, 0755) < 0)
			abort();
	}
	snprintf(path, sizeof(path), "%s/secret", top);
	file_write(path, "x", 1, 0600, NULL);
	snprintf(path, sizeof(path), "%s/usr/lib/libx.so", root);
	file_write(path, "x", 1, 0644, NULL);
	for (i = 0; i < array_len(links); i++) {
		snprintf(path, sizeof(path), "%s/%s", root, links[i].name);
		if (symlink(links[i].target, path) < 0)
			abort();
	}
	ok(finds(root, "usr/lib/libx.so", "usr/lib/libx.so"), "a file");
	ok(finds(root, "usr/lib/plain.so", "usr/lib/libx.so"), "a link beside it");
	ok(finds(root, "usr/lib/absolute.so", "usr/lib/libx.so"), "an absolute link is the package's");
	ok(finds(root, "lib/libx.so", "usr/lib/libx.so"), "a directory that is a link");
	ok(finds(root, "usr/lib/host.so", NULL), "a link to a file of this machine finds nothing");
	ok(finds(root, "usr/lib/up.so", NULL), "a link that climbs out finds nothing");
	ok(finds(root, "out/secret", NULL), "a directory that leads out finds nothing");
	ok(finds(root, "usr/lib/magic", NULL), "nor does /proc");
	ok(finds(root, "usr/lib/self", NULL) && finds(root, "usr/lib", NULL) && finds(root, "none", NULL),
	   "a circle, a directory, nothing");
	nftw(top, unlink_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* Values as LinuxKit's decoder takes them: of every type of field, at every depth. */
static void decoded(void)
{
	static const char yaml[] =
		"image: 1.50\norg: 0x10\ntag: true\nnetwork: off\ndisable-cache: \"Yes\"\narches: [amd64, ~]\n"
		"gitrepo:\nenv: [A=1, 5, no, 2024-01-02]\nlabels: {a: 1, b: yes, c: }\n"
		"files:\n  - {path: 7, contents: 007, mode: 0640, directory: no}\n"
		"  - {path: d, directory: ON}\n"
		"debian: {packages: [x], libraries: y}\n"
		"config: {readonly: yes, oomScoreAdj: 3.7, env: [1], sysctl: {a: 1}, resources: {memory: {limit: "
		"1e3}}}\n";
	_cleanup_recipe_ struct recipe r = { 0 };
	const struct node *root, *files, *env, *labels, *config;
	char *copy = strdup(yaml);

	if (!ok(recipe_parse(&r, "build.yml", copy, strlen(copy)), "all of them are taken")) {
		diags_print(&r.diags, stdout, false);
		return;
	}
	root = r.root;
	files = node_field(root, RECIPE_FILES);
	env = node_field(root, RECIPE_ENV);
	labels = node_field(root, RECIPE_LABELS);
	config = node_field(root, RECIPE_CONFIG);
	ok_str(node_text(root, RECIPE_IMAGE), "1.50", "a number is text as it is written");
	ok_str(node_text(root, RECIPE_ORG), "0x10", "a hexadecimal one, too");
	ok_str(node_text(root, RECIPE_TAG), "true", "and a boolean");
	ok(node_field(root, RECIPE_ARCHES)->count == 1, "nothing in a list is no element");
	ok(env->count == 4 && str_eq(env->items[1]->text, "5") && str_eq(env->items[2]->text, "no") &&
		   str_eq(env->items[3]->text, "2024-01-02"),
	   "elements of a list of text");
	ok(labels->count == 3 && str_eq(labels->items[1]->text, "1") && str_eq(labels->items[3]->text, "yes") &&
		   str_eq(labels->items[5]->text, ""),
	   "values of a mapping of text");
	ok(str_eq(node_text(files->items[0], PKG_FILE_PATH), "7") &&
		   str_eq(node_text(files->items[0], PKG_FILE_CONTENTS), "007") &&
		   str_eq(node_text(files->items[0], PKG_FILE_MODE), "0640"),
	   "text of records");
	ok(!node_true(files->items[0], PKG_FILE_DIRECTORY) && node_true(files->items[1], PKG_FILE_DIRECTORY) &&
		   node_true(node_field(root, RECIPE_DEBIAN), PKG_DEBIAN_LIBRARIES) &&
		   node_true(config, CONTAINER_READONLY),
	   "YAML 1.1's booleans");
	ok(node_number(node_field(config, CONTAINER_OOM_SCORE_ADJ)) == 3, "a number without its fraction");
}

int main(void)
{
	decoded();
	unpacked();
	elf_good();
	elf_bad();
	elf_self();
	control();
	recipes();
	return tap_done();
}
