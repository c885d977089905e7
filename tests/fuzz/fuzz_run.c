/* The command line of `pith run`, words separated by NUL: whatever is taken keeps to what QEMU is told. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "str.h"
#include "virtiofs.h"

static void check(const struct run_options *o)
{
	size_t i;

	if (!o->name || o->cpus < 1 || o->memory % (1 << 20) || strv_len(o->virtiofs) > VIRTIOFS_MAX ||
	    o->vsock_cid < 3 || o->vsock_cid >= UINT32_MAX)
		abort();
	for (i = 0; i < o->port_count; i++)
		if (!o->ports[i].host || !o->ports[i].guest || strchr(o->ports[i].address, ','))
			abort();
	for (i = 0; i < o->disk_count; i++)
		if (!o->disks[i].path && !o->disks[i].size)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	_cleanup_free_ char *text = malloc(n + 1);
	char *argv[34] = { (char *)"run" };
	static const struct command c = { .name = "run", .options = run_table };
	struct run_options o;
	struct error err = { 0 };
	size_t at = 0;
	int argc = 1, r;

	if (n)
		memcpy(text, data, n);
	text[n] = '\0';
	for (; at < n && argc < 33; at += strlen(text + at) + 1)
		argv[argc++] = text + at;
	r = run_options_parse(&c, argv, &o, &err);
	if (r == 0) {
		check(&o);
	} else if (r < 0 && (!err.msg || !*err.msg)) {
		abort(); /* an error that says nothing */
	}
	error_clear(&err);
	run_options_clear(&o);
	return 0;
}
