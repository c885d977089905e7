/* What an ELF file says of the libraries it needs: program headers, then the dynamic section. Every offset is checked
 * before it is followed. */
#include "elf.h"

#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "str.h"

/* More of them, and longer ones, than any program has: what a hostile file can make us keep is bounded. */
#define ENTRIES_MAX 4096
#define STRING_MAX  4096

struct file {
	const uint8_t *data;
	size_t n;
	const Elf64_Ehdr *head;
	struct error *err;
};

static int elf_broken(const struct file *f, const char *what)
{
	return error_set(f->err, 0, "broken ELF file: %s", what);
}

/* The bytes may lie anywhere: structs are copied out. */
static int elf_get(const struct file *f, uint64_t at, void *out, size_t size)
{
	if (at > f->n || size > f->n - at)
		return -1;
	memcpy(out, f->data + at, size);
	return 0;
}

static int elf_segment(const struct file *f, uint32_t type, Elf64_Phdr *out)
{
	unsigned i;

	for (i = 0; i < f->head->e_phnum; i++) {
		if (elf_get(f, f->head->e_phoff + (uint64_t)i * sizeof(*out), out, sizeof(*out)) < 0)
			return -1;
		if (out->p_type == type)
			return 1;
	}
	return 0;
}

/* Where in the file the bytes of an address are. */
static int offset_of(const struct file *f, uint64_t address, uint64_t *out)
{
	Elf64_Phdr p;
	unsigned i;

	for (i = 0; i < f->head->e_phnum; i++) {
		if (elf_get(f, f->head->e_phoff + (uint64_t)i * sizeof(p), &p, sizeof(p)) < 0)
			return -1;
		if (p.p_type == PT_LOAD && address >= p.p_vaddr && address - p.p_vaddr < p.p_filesz) {
			*out = p.p_offset + (address - p.p_vaddr);
			return 0;
		}
	}
	return -1;
}

/* A string of the table at `table`; NULL when it does not end within the file, or has no sensible length. */
static const char *elf_string(const struct file *f, uint64_t table, uint64_t index)
{
	uint64_t at, left;

	if (__builtin_add_overflow(table, index, &at) || at >= f->n)
		return NULL;
	left = f->n - at < STRING_MAX ? f->n - at : STRING_MAX;
	return memchr(f->data + at, '\0', left) ? (const char *)f->data + at : NULL;
}

static int elf_interpreter(const struct file *f, struct elf *out)
{
	Elf64_Phdr p;
	const char *s;
	int r = elf_segment(f, PT_INTERP, &p);

	if (r <= 0)
		return r < 0 ? elf_broken(f, "program headers end behind the file") : 0;
	s = elf_string(f, p.p_offset, 0);
	if (!s || *s != '/')
		return elf_broken(f, "interpreter");
	out->interpreter = strdup(s);
	return out->interpreter ? 0 : error_set(f->err, ENOMEM, "ELF file");
}

static int dynamic_entry(const struct file *f, const Elf64_Phdr *p, uint64_t i, Elf64_Dyn *out)
{
	return i < p->p_filesz / sizeof(*out) ? elf_get(f, p->p_offset + i * sizeof(*out), out, sizeof(*out)) : -1;
}

static int string_table(const struct file *f, const Elf64_Phdr *p, uint64_t *table)
{
	Elf64_Dyn d;
	uint64_t i;

	for (i = 0; dynamic_entry(f, p, i, &d) == 0 && d.d_tag != DT_NULL && i < ENTRIES_MAX; i++)
		if (d.d_tag == DT_STRTAB)
			return offset_of(f, d.d_un.d_ptr, table);
	return -1;
}

static int replace_list(char ***list, const char *colons)
{
	strv_free(*list);
	*list = strv_split(colons, ":");
	return *list ? 0 : -1;
}

static int dynamic_take(const Elf64_Dyn *d, const char *s, struct elf *out, bool *has_runpath)
{
	switch (d->d_tag) {
	case DT_NEEDED:
		return strv_add(&out->needed, s);
	case DT_SONAME:
		free(out->soname);
		out->soname = strdup(s);
		return out->soname ? 0 : -1;
	case DT_RUNPATH:
		*has_runpath = true;
		return replace_list(&out->runpath, s);
	default:
		return *has_runpath ? 0 : replace_list(&out->runpath, s);
	}
}

static int elf_dynamic(const struct file *f, struct elf *out)
{
	bool has_runpath = false;
	uint64_t table, i;
	Elf64_Phdr p;
	Elf64_Dyn d;
	int r = elf_segment(f, PT_DYNAMIC, &p);

	if (r <= 0)
		return r < 0 ? elf_broken(f, "program headers end behind the file") : 0;
	if (string_table(f, &p, &table) < 0)
		return 0; /* static-pie programs may have no strings at all */
	for (i = 0; dynamic_entry(f, &p, i, &d) == 0 && d.d_tag != DT_NULL && i < ENTRIES_MAX; i++) {
		const char *s;

		if (d.d_tag != DT_NEEDED && d.d_tag != DT_SONAME && d.d_tag != DT_RUNPATH && d.d_tag != DT_RPATH)
			continue;
		s = elf_string(f, table, d.d_un.d_val);
		if (!s)
			return elf_broken(f, "a string does not end");
		if (dynamic_take(&d, s, out, &has_runpath) < 0)
			return error_set(f->err, ENOMEM, "ELF file");
	}
	return 0;
}

int elf_parse(const void *data, size_t n, struct elf *out, struct error *err)
{
	Elf64_Ehdr head;
	struct file f = { .data = data, .n = n, .head = &head, .err = err };

	*out = (struct elf){ 0 };
	if (n < SELFMAG || memcmp(data, ELFMAG, SELFMAG) != 0)
		return 0;
	if (elf_get(&f, 0, &head, sizeof(head)) < 0)
		return elf_broken(&f, "too short");
	if (head.e_ident[EI_CLASS] != ELFCLASS64 || head.e_ident[EI_DATA] != ELFDATA2LSB)
		return error_set(err, 0, "not a 64-bit little-endian ELF file");
	if (head.e_phnum && head.e_phentsize != sizeof(Elf64_Phdr))
		return elf_broken(&f, "size of program headers");
	out->machine = head.e_machine;
	if (elf_interpreter(&f, out) < 0 || elf_dynamic(&f, out) < 0) {
		elf_clear(out);
		return -1;
	}
	return 1;
}

void elf_clear(struct elf *e)
{
	free(e->interpreter);
	free(e->soname);
	strv_free(e->needed);
	strv_free(e->runpath);
	*e = (struct elf){ 0 };
}
