/* A plugin of QEMU's emulation that counts the instructions of a boot by the address of their block, from the first one
 * of a program (PID 1's) on. At the end it writes lines "ADDRESS INSTRUCTIONS" to the file of the argument out=FILE.
 *
 * The interface is version 1 of QEMU's plugin API (docs/devel/tcg-plugins.rst of QEMU); its header is in no package of
 * the distribution, so that what is used of it is declared here. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct qemu_plugin_tb;
typedef void translated_fn(uint64_t id, struct qemu_plugin_tb *tb);
typedef void executed_fn(unsigned cpu, void *data);
typedef void exit_fn(uint64_t id, void *data);

extern void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, translated_fn *fn);
extern void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, executed_fn *fn, int flags, void *data);
extern void qemu_plugin_register_atexit_cb(uint64_t id, exit_fn *fn, void *data);
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
extern uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);

__attribute__((visibility("default"))) int qemu_plugin_version = 1;
int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv);

enum { BOOTED = 10 * 1000 * 1000 }; /* so many of the kernel's, and what is below it is no firmware any more */

struct block {
	struct block *next;
	uint64_t address, count;
	size_t size;
};

static struct block *blocks;
static uint64_t in_kernel;
static bool begun;
static char *out;

static void block_executed(unsigned cpu, void *data)
{
	struct block *b = data;

	(void)cpu;
	if (b->address >> 63)
		in_kernel += b->size;
	else
		begun |= in_kernel > BOOTED;
	if (begun)
		b->count += b->size;
}

/* One that is translated anew counts as another. */
static void block_translated(uint64_t id, struct qemu_plugin_tb *tb)
{
	struct block *b = calloc(1, sizeof(*b));

	(void)id;
	if (!b)
		abort();
	*b = (struct block){ blocks, qemu_plugin_tb_vaddr(tb), 0, qemu_plugin_tb_n_insns(tb) };
	blocks = b;
	qemu_plugin_register_vcpu_tb_exec_cb(tb, block_executed, 0, b);
}

static void counts_write(uint64_t id, void *data)
{
	FILE *f = fopen(out, "w");

	(void)id;
	(void)data;
	for (const struct block *b = blocks; f && b; b = b->next)
		if (b->count > 0)
			fprintf(f, "%" PRIx64 " %" PRIu64 "\n", b->address, b->count);
	if (f)
		fclose(f);
}

int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv)
{
	(void)info;
	if (argc != 1 || strncmp(argv[0], "out=", 4) != 0)
		return -1;
	out = strdup(argv[0] + 4);
	qemu_plugin_register_vcpu_tb_trans_cb(id, block_translated);
	qemu_plugin_register_atexit_cb(id, counts_write, NULL);
	return out ? 0 : -1;
}
