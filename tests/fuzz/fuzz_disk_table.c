/* Both ends of a disk of 64 MiB: a table that is read is on the disk, and when its partition has grown it is written,
 * and reads the same. Input: the first three sectors, the first one of the backup's entries, the backup's header. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "table.h"

enum { SECTORS = 131072, SECTOR = 512, BACKUP = TABLE_EDGE - 33 * SECTOR };

static uint8_t head[TABLE_EDGE], tail[TABLE_EDGE];

static void edges_fill(const uint8_t *data, size_t n)
{
	uint8_t all[5 * SECTOR] = { 0 };

	memcpy(all, data, n < sizeof(all) ? n : sizeof(all));
	memset(head, 0, sizeof(head));
	memset(tail, 0, sizeof(tail));
	memcpy(head, all, 3 * SECTOR);
	memcpy(tail + BACKUP, all + 3 * SECTOR, SECTOR);
	memcpy(tail + TABLE_EDGE - SECTOR, all + 4 * SECTOR, SECTOR);
}

/* What is on the disk when the table was written. */
static void edges_write(const struct table_bytes *b)
{
	memcpy(head, b->head, b->head_size);
	if (b->tail_size)
		memcpy(tail + TABLE_EDGE - b->tail_size, b->tail, b->tail_size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct table t, back;
	static struct table_bytes b;
	_cleanup_error_ struct error err = { 0 };

	edges_fill(data, n);
	if (table_parse(head, tail, TABLE_EDGE, SECTOR, SECTORS, &t, &err) < 0) {
		if (!err.msg)
			abort();
		return 0;
	}
	for (size_t i = 0; i < t.count; i++)
		if (t.parts[i].start == 0 || t.parts[i].start >= SECTORS ||
		    t.parts[i].sectors > SECTORS - t.parts[i].start)
			abort();
	if (t.kind == TABLE_NONE || t.count != 1 || table_grow(&t, &err) < 0 || table_render(&t, &b, &err) < 0)
		return 0;
	edges_write(&b);
	if (table_parse(head, tail, TABLE_EDGE, SECTOR, SECTORS, &back, &err) < 0 || back.kind != t.kind || back.torn ||
	    back.count != 1 || back.parts[0].start != t.parts[0].start || back.parts[0].sectors != t.parts[0].sectors)
		abort();
	return 0;
}
