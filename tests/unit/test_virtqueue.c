/* Virtqueues alone: rings that lie, and the in-flight record after a device that died at any point. */
#include <stdlib.h>
#include <string.h>

#include "guest_memory.h"
#include "tap.h"
#include "virtqueue.h"

enum { SIZE = 8, DESC = 0x1000, DRIVER = 0x2000, DEVICE = 0x3000, TABLE = 0x4000, DATA = 0x8000, MEMORY = 0x10000 };

static uint8_t mem[MEMORY] __attribute__((aligned(4096)));
static struct guest_memory memory;
static struct iovec iov[VIRTQUEUE_IOV_MAX];

static void fresh(void)
{
	memset(mem, 0, sizeof(mem));
	memory.count = 0;
	/* two regions that touch, and a hole behind */
	guest_memory_add(&memory, &(struct guest_region){ .guest = 0, .user = 0x1000000, .size = 0x9000, .base = mem },
			 NULL);
	guest_memory_add(&memory,
			 &(struct guest_region){
				 .guest = 0x9000, .user = 0x2000000, .size = 0x7000, .base = mem + 0x9000 },
			 NULL);
}

static int start(struct virtqueue *vq, bool packed, uint64_t features)
{
	struct virtqueue_layout l = {
		.size = SIZE,
		.desc = 0x1000000 + DESC,
		.driver = 0x1000000 + DRIVER,
		.device = 0x1000000 + DEVICE,
		.features = features | (packed ? VIRTIO_F_RING_PACKED : 0),
		.base = packed ? 0x80008000 : 0,
	};

	return virtqueue_start(vq, &memory, &l, NULL);
}

static void desc(uint64_t table, unsigned i, uint64_t addr, uint32_t len, uint16_t a, uint16_t b)
{
	uint8_t *p = mem + table + 16 * i;

	memcpy(p, &addr, 8);
	memcpy(p + 8, &len, 4);
	memcpy(p + 12, &a, 2);
	memcpy(p + 14, &b, 2);
}

static void put16(uint64_t at, uint16_t v)
{
	memcpy(mem + at, &v, 2);
}

static uint16_t get16(uint64_t at)
{
	uint16_t v;

	memcpy(&v, mem + at, 2);
	return v;
}

/* --- guest memory ------------------------------------------------------------------------------------------------- */

static void test_memory(void)
{
	struct guest_region out;
	struct iovec v[4];

	fresh();
	ok(guest_memory_at(&memory, 0x8ff0, 16) == mem + 0x8ff0 && !guest_memory_at(&memory, 0x8ff0, 17),
	   "end of a region");
	ok(!guest_memory_at(&memory, MEMORY, 1) && !guest_memory_at(&memory, UINT64_MAX, 2), "nothing beyond");
	ok(!guest_memory_at(&memory, 8, UINT64_MAX - 4), "a length that wraps around");
	ok(guest_memory_user(&memory, 0x2000010, 8) == mem + 0x9010 && !guest_memory_user(&memory, 0x1009000, 1),
	   "front-end's");
	ok(guest_memory_iov(&memory, 0x8ff0, 0x20, v, 4) == 2 && v[0].iov_len == 16 && v[1].iov_base == mem + 0x9000,
	   "a piece across two regions");
	ok(guest_memory_iov(&memory, 0x8ff0, 0x20, v, 1) == -1, "no room for the second");
	ok(guest_memory_iov(&memory, 0xfff0, 0x20, v, 4) == -1, "into the hole");
	ok(guest_memory_iov(&memory, 0x10, 0, v, 4) == 0, "nothing is no piece");
	ok(guest_memory_add(&memory, &(struct guest_region){ .guest = 0x8000, .size = 0x10, .base = mem }, NULL) == -1,
	   "overlap");
	ok(guest_memory_add(&memory, &(struct guest_region){ .guest = UINT64_MAX, .size = 2, .base = mem }, NULL) == -1,
	   "wrap");
	ok(guest_memory_remove(&memory, &(struct guest_region){ .guest = 0, .user = 0x1000000, .size = 0x8000 }, &out,
			       NULL) == -1,
	   "remove with another size");
	ok(guest_memory_remove(&memory, &(struct guest_region){ .guest = 0, .user = 0x1000000, .size = 0x9000 }, &out,
			       NULL) == 0 &&
		   out.base == mem && !guest_memory_at(&memory, 0, 1) && guest_memory_at(&memory, 0x9000, 1),
	   "remove");
}

/* --- rings that lie ----------------------------------------------------------------------------------------------- */

enum { NEXT = 1, WRITE = 2, INDIRECT = 4 };

struct lie {
	const char *name;
	uint16_t avail, head;
	struct {
		uint64_t addr;
		uint32_t len;
		uint16_t flags, next;
	} d[3], table[2];
};

static const struct lie split_lies[] = {
	{ "available index beyond the ring", SIZE + 1, 0, { { DATA, 8, 0, 0 } }, { { 0 } } },
	{ "head beyond the table", 1, SIZE, { { DATA, 8, 0, 0 } }, { { 0 } } },
	{ "head far beyond the table", 1, 0xffff, { { DATA, 8, 0, 0 } }, { { 0 } } },
	{ "next beyond the table", 1, 0, { { DATA, 8, NEXT, SIZE } }, { { 0 } } },
	{ "a chain that points to itself", 1, 0, { { DATA, 8, NEXT, 0 } }, { { 0 } } },
	{ "a loop of two", 1, 0, { { DATA, 8, NEXT, 1 }, { DATA, 8, NEXT, 0 } }, { { 0 } } },
	/* pieces of nothing take no room: only their number tells that they go on for ever */
	{ "a chain of nothing that points to itself", 1, 0, { { DATA, 0, NEXT, 0 } }, { { 0 } } },
	{ "a loop of two of nothing", 1, 0, { { DATA, 0, NEXT, 1 }, { DATA, 0, NEXT, 0 } }, { { 0 } } },
	{ "an address outside of memory", 1, 0, { { 0x900000, 8, 0, 0 } }, { { 0 } } },
	{ "a length that leaves memory", 1, 0, { { DATA, 0xffffffff, 0, 0 } }, { { 0 } } },
	{ "an address that wraps around", 1, 0, { { UINT64_MAX - 3, 8, 0, 0 } }, { { 0 } } },
	{ "readable after writable", 1, 0, { { DATA, 8, NEXT | WRITE, 1 }, { DATA, 8, 0, 0 } }, { { 0 } } },
	{ "indirect of no entries", 1, 0, { { TABLE, 0, INDIRECT, 0 } }, { { 0 } } },
	{ "indirect of half an entry", 1, 0, { { TABLE, 24, INDIRECT, 0 } }, { { 0 } } },
	{ "indirect outside of memory", 1, 0, { { MEMORY, 16, INDIRECT, 0 } }, { { 0 } } },
	{ "indirect across two regions", 1, 0, { { 0x8ff8, 16, INDIRECT, 0 } }, { { 0 } } },
	{ "indirect of 4 GiB", 1, 0, { { TABLE, 0xfffffff0, INDIRECT, 0 } }, { { 0 } } },
	{ "indirect in indirect", 1, 0, { { TABLE, 16, INDIRECT, 0 } }, { { TABLE, 16, INDIRECT, 0 } } },
	{ "indirect table that is the ring", 1, 0, { { DESC, 16, INDIRECT, 0 } }, { { 0 } } },
	{ "indirect with a next", 1, 0, { { TABLE, 16, INDIRECT | NEXT, 1 } }, { { DATA, 8, 0, 0 } } },
	{ "indirect that loops", 1, 0, { { TABLE, 32, INDIRECT, 0 } }, { { DATA, 8, NEXT, 1 }, { DATA, 8, NEXT, 0 } } },
	{ "indirect that loops over nothing",
	  1,
	  0,
	  { { TABLE, 32, INDIRECT, 0 } },
	  { { DATA, 0, NEXT, 1 }, { DATA, 0, NEXT, 0 } } },
	{ "indirect whose next is outside", 1, 0, { { TABLE, 32, INDIRECT, 0 } }, { { DATA, 8, NEXT, 2 } } },
};

static void test_split_lies(void)
{
	struct virtqueue vq = { 0 };
	struct virtqueue_chain c;
	size_t i, j;

	for (i = 0; i < array_len(split_lies); i++) {
		const struct lie *l = &split_lies[i];

		fresh();
		for (j = 0; j < 3; j++)
			desc(DESC, (unsigned)j, l->d[j].addr, l->d[j].len, l->d[j].flags, l->d[j].next);
		for (j = 0; j < 2; j++)
			desc(TABLE, (unsigned)j, l->table[j].addr, l->table[j].len, l->table[j].flags,
			     l->table[j].next);
		put16(DRIVER + 4, l->head);
		start(&vq, false, VIRTIO_F_RING_INDIRECT);
		put16(DRIVER + 2, l->avail);
		ok(virtqueue_pop(&vq, &c, iov, VIRTQUEUE_IOV_MAX) == -1 && vq.broken, "split: %s: %s", l->name,
		   vq.broken ? vq.broken : "");
		ok(virtqueue_pop(&vq, &c, iov, VIRTQUEUE_IOV_MAX) == -1 && !virtqueue_pending(&vq), "and stays broken");
	}
	fresh();
	desc(DESC, 0, TABLE, 16, INDIRECT, 0);
	desc(TABLE, 0, DATA, 8, 0, 0);
	start(&vq, false, 0);
	put16(DRIVER + 2, 1);
	ok(virtqueue_pop(&vq, &c, iov, VIRTQUEUE_IOV_MAX) == -1, "split: indirect that was not agreed on");
	/* More pieces than the caller takes. */
	fresh();
	for (j = 0; j < 3; j++)
		desc(DESC, (unsigned)j, DATA, 8, j < 2 ? NEXT : 0, (uint16_t)(j + 1));
	start(&vq, false, 0);
	put16(DRIVER + 2, 1);
	ok(virtqueue_pop(&vq, &c, iov, 2) == -1, "split: more pieces than fit");
	start(&vq, false, 0);
	ok(virtqueue_pop(&vq, &c, iov, 3) == 1 && c.out_count == 3 && c.out_bytes == 24,
	   "split: started again it works");
	virtqueue_stop(&vq);
}

static void test_packed_lies(void)
{
	enum { AVAIL = 1 << 7 };
	static const struct {
		const char *name;
		uint64_t addr;
		uint32_t len;
		uint16_t flags;
		uint64_t table_addr;
		uint16_t table_flags;
	} rows[] = {
		{ "an address outside of memory", 0x900000, 8, 0, 0, 0 },
		{ "a length that leaves memory", DATA, 0xffffffff, 0, 0, 0 },
		{ "a chain without end", DATA, 8, NEXT, 0, 0 },
		{ "a chain of nothing without end", DATA, 0, NEXT, 0, 0 },
		{ "indirect of no entries", TABLE, 0, INDIRECT, 0, 0 },
		{ "indirect with a next", TABLE, 16, INDIRECT | NEXT, DATA, 0 },
		{ "indirect outside of memory", 0x900000, 16, INDIRECT, 0, 0 },
		{ "indirect table with an address outside", TABLE, 16, INDIRECT, 0x900000, 0 },
	};
	struct virtqueue vq = { 0 };
	struct virtqueue_chain c;
	size_t i, j;

	for (i = 0; i < array_len(rows); i++) {
		fresh();
		for (j = 0; j < SIZE; j++)
			desc(DESC, (unsigned)j, rows[i].addr, rows[i].len, (uint16_t)j, rows[i].flags | AVAIL);
		desc(TABLE, 0, rows[i].table_addr, 8, 0, rows[i].table_flags);
		start(&vq, true, VIRTIO_F_RING_INDIRECT);
		ok(virtqueue_pop(&vq, &c, iov, VIRTQUEUE_IOV_MAX) == -1 && vq.broken, "packed: %s: %s", rows[i].name,
		   vq.broken ? vq.broken : "");
	}
	fresh();
	desc(DESC, 0, DATA, 8, 0, NEXT | AVAIL);
	desc(DESC, 1, TABLE, 16, 0, INDIRECT | AVAIL);
	desc(TABLE, 0, DATA, 8, 0, 0);
	start(&vq, true, VIRTIO_F_RING_INDIRECT);
	ok(virtqueue_pop(&vq, &c, iov, VIRTQUEUE_IOV_MAX) == -1 && vq.broken, "packed: indirect behind another piece");
	virtqueue_stop(&vq);
}

static void test_bad_layouts(void)
{
	static const struct {
		const char *name;
		struct virtqueue_layout l;
	} rows[] = {
		{ "no size", { 0, 0x1001000, 0x1002000, 0x1003000, 0, 0 } },
		{ "no power of two", { 6, 0x1001000, 0x1002000, 0x1003000, 0, 0 } },
		{ "descriptors outside", { 8, 0x3000000, 0x1002000, 0x1003000, 0, 0 } },
		{ "descriptors beyond the region's end", { 8, 0x1008ff0, 0x1002000, 0x1003000, 0, 0 } },
		{ "available ring outside", { 8, 0x1001000, 0, 0x1003000, 0, 0 } },
		{ "used ring outside", { 8, 0x1001000, 0x1002000, UINT64_MAX, 0, 0 } },
		{ "descriptors at an odd address", { 8, 0x1001001, 0x1002000, 0x1003000, 0, 0 } },
		{ "used ring not aligned", { 8, 0x1001000, 0x1002000, 0x1003002, 0, 0 } },
		{ "packed position beyond the ring", { 8, 0x1001000, 0x1002000, 0x1003000, VIRTIO_F_RING_PACKED, 9 } },
	};
	struct virtqueue vq = { 0 };
	size_t i;

	fresh();
	for (i = 0; i < array_len(rows); i++)
		ok(virtqueue_start(&vq, &memory, &rows[i].l, NULL) == -1 && !vq.started, "layout: %s", rows[i].name);
}

/* Rings and tables as large as can be, and one entry more. Only their number refuses them: the memory is there, and all
 * entries are pieces of nothing. */
static void test_size_bounds(void)
{
	enum { RINGS = 4096 };
	static uint8_t large[RINGS + 16 * (VIRTQUEUE_SIZE_MAX + 1)] __attribute__((aligned(4096)));
	static const struct {
		bool packed;
		uint32_t over;
	} rows[] = { { false, 0 }, { false, 1 }, { true, 0 }, { true, 1 } };
	struct virtqueue_layout l = { .desc = RINGS, .driver = 1024, .device = 2048, .features = VIRTIO_F_RING_PACKED };
	struct virtqueue vq = { 0 };
	struct virtqueue_chain c;

	memory.count = 0;
	guest_memory_add(&memory, &(struct guest_region){ .size = sizeof(large), .base = large }, NULL);
	l.size = VIRTQUEUE_SIZE_MAX;
	ok(virtqueue_start(&vq, &memory, &l, NULL) == 0, "packed: the largest ring");
	l.size = VIRTQUEUE_SIZE_MAX + 1;
	ok(virtqueue_start(&vq, &memory, &l, NULL) == -1 && !vq.started, "packed: a ring of one entry more");
	memory.count = 0;
	fresh();
	guest_memory_add(&memory,
			 &(struct guest_region){
				 .guest = 0x100000, .user = 0x3000000, .size = sizeof(large), .base = large },
			 NULL);
	for (size_t i = 0; i < array_len(rows); i++) {
		uint32_t bytes = 16 * (VIRTQUEUE_SIZE_MAX + rows[i].over);

		memset(mem, 0, sizeof(mem));
		if (rows[i].packed)
			desc(DESC, 0, 0x100000, bytes, 0, INDIRECT | 1 << 7);
		else
			desc(DESC, 0, 0x100000, bytes, INDIRECT, 0);
		start(&vq, rows[i].packed, VIRTIO_F_RING_INDIRECT);
		put16(DRIVER + 2, 1);
		ok(virtqueue_pop(&vq, &c, iov, VIRTQUEUE_IOV_MAX) == (rows[i].over ? -1 : 1),
		   "%s: an indirect table of %u entries", rows[i].packed ? "packed" : "split", (unsigned)bytes / 16);
	}
	virtqueue_stop(&vq);
}

/* --- in-flight ---------------------------------------------------------------------------------------------------- */

static void offer(bool packed, unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i++) {
		desc(DESC, i, DATA + 16 * i, 16, packed ? (uint16_t)i : WRITE, packed ? WRITE | 1 << 7 : 0);
		put16(DRIVER + 4 + 2 * i, (uint16_t)i);
	}
	put16(DRIVER + 2, (uint16_t)n);
}

/* Which buffers the driver has got back, as a bit each. */
static unsigned returned(bool packed)
{
	unsigned bits = 0, i;

	if (!packed) {
		for (i = 0; i < get16(DEVICE + 2); i++)
			bits |= 1u << get16(DEVICE + 4 + 8 * i);
		return bits;
	}
	for (i = 0; i < SIZE; i++)
		if (get16(DESC + 16 * i + 14) & 1 << 15)
			bits |= 1u << get16(DESC + 16 * i + 12);
	return bits;
}

/* A device takes four of five chains, gives some back, and dies; the next one finds the rest and what is new. */
static void test_inflight(bool packed, bool flushed, unsigned pushed)
{
	static uint8_t record[4096] __attribute__((aligned(64)));
	struct virtqueue a = { 0 }, b = { 0 };
	struct virtqueue_chain c[4], d;
	unsigned i, n = 0, seen = 0;
	bool order = true;

	fresh();
	memset(record, 0, sizeof(record));
	offer(packed, 5);
	start(&a, packed, 0);
	ok(virtqueue_inflight_attach(&a, record, NULL) == 0, "%s, %u given back%s", packed ? "packed" : "split", pushed,
	   flushed ? "" : ", not published");
	for (i = 0; i < 4; i++)
		virtqueue_pop(&a, &c[i], iov, 8);
	for (i = 0; i < pushed; i++)
		virtqueue_push(&a, &c[i], 16);
	if (flushed)
		virtqueue_flush(&a);
	seen = returned(packed);
	/* it dies here: memory and record stay as they are */
	start(&b, packed, 0);
	ok(virtqueue_inflight_attach(&b, record, NULL) == 0, "the next device takes the record");
	while (virtqueue_pop(&b, &d, iov, 8) == 1) {
		unsigned id = (unsigned)(((uint8_t *)iov[0].iov_base - mem - DATA) / 16);

		order = order && !(seen & 1u << id) && id == n + (flushed || packed ? pushed : 0);
		virtqueue_push(&b, &d, 16);
		n++;
	}
	virtqueue_flush(&b);
	ok(order, "it gets each chain that was not given back, in order");
	ok(returned(packed) == 0x1f, "and the driver gets all five back (0x%x)", returned(packed));
	virtqueue_stop(&a);
	virtqueue_stop(&b);
}

static void test_inflight_unpop(bool packed)
{
	static uint8_t record[4096] __attribute__((aligned(64)));
	struct virtqueue a = { 0 }, b = { 0 };
	struct virtqueue_chain c[4];
	unsigned n = 0;

	fresh();
	memset(record, 0, sizeof(record));
	offer(packed, 5);
	start(&a, packed, 0);
	virtqueue_inflight_attach(&a, record, NULL);
	virtqueue_pop(&a, &c[0], iov, 8);
	virtqueue_pop(&a, &c[1], iov, 8);
	virtqueue_pop(&a, &c[2], iov, 8);
	virtqueue_unpop(&a, &c[2]);
	virtqueue_unpop(&a, &c[1]);
	virtqueue_push(&a, &c[0], 16);
	virtqueue_flush(&a);
	virtqueue_pop(&a, &c[1], iov, 8);
	start(&b, packed, 0);
	virtqueue_inflight_attach(&b, record, NULL);
	while (virtqueue_pop(&b, &c[3], iov, 8) == 1) {
		virtqueue_push(&b, &c[3], 16);
		n++;
	}
	virtqueue_flush(&b);
	ok(n == 4 && returned(packed) == 0x1f, "%s: chains that were put back are not in flight (%u)",
	   packed ? "packed" : "split", n);
	virtqueue_stop(&a);
	virtqueue_stop(&b);
}

static void test_inflight_lies(void)
{
	static uint8_t record[4096] __attribute__((aligned(64)));
	struct virtqueue vq = { 0 };
	struct virtqueue_chain c;
	unsigned i, packed, tries;

	for (packed = 0; packed < 2; packed++) {
		srand(7);
		for (tries = 0; tries < 20000; tries++) {
			fresh();
			offer(packed, 5);
			for (i = 0; i < sizeof(record); i++)
				record[i] = rand() & (tries & 1 ? 0xff : 0x0f);
			record[8] = 1; /* version */
			record[9] = 0;
			record[10] = SIZE;
			record[11] = 0;
			start(&vq, packed, VIRTIO_F_RING_INDIRECT);
			if (virtqueue_inflight_attach(&vq, record, NULL) < 0)
				continue;
			for (i = 0; i < 64 && virtqueue_pop(&vq, &c, iov, VIRTQUEUE_IOV_MAX) == 1; i++)
				virtqueue_push(&vq, &c, 0);
			virtqueue_flush(&vq);
		}
	}
	ok(true, "records of garbage harm nobody");
	record[8] = 2;
	start(&vq, false, 0);
	ok(virtqueue_inflight_attach(&vq, record, NULL) == -1, "a record of another version is refused");
	virtqueue_stop(&vq);
}

/* The record is memory that others write to: also between the moments that it is looked at. */
static void test_inflight_turns(void)
{
	static uint8_t record[4096] __attribute__((aligned(64)));
	const size_t num = 32 + 6; /* of the first entry, behind the header */
	struct virtqueue a = { 0 }, b = { 0 };
	struct virtqueue_chain c;

	fresh();
	memset(record, 0, sizeof(record));
	offer(true, 5);
	start(&a, true, 0);
	virtqueue_inflight_attach(&a, record, NULL);
	virtqueue_pop(&a, &c, iov, 8);
	start(&b, true, 0);
	ok(virtqueue_inflight_attach(&b, record, NULL) == 0 && record[num] == 1 && record[num + 1] == 0,
	   "a record with a chain of one descriptor");
	record[num] = record[num + 1] = 0xff;
	ok(virtqueue_pop(&b, &c, iov, 8) == -1 && b.broken, "that then claims to have 65535: the ring ends");
	virtqueue_stop(&b);
	record[num] = 1;
	record[num + 1] = 0;
	start(&b, true, 0);
	ok(virtqueue_inflight_attach(&b, record, NULL) == 0, "a record with a chain to hand out again");
	virtqueue_inflight_detach(&b);
	ok(virtqueue_pop(&b, &c, iov, 8) == 1 && !c.again, "that goes: the ring goes on without");
	virtqueue_stop(&a);
	virtqueue_stop(&b);
}

int main(void)
{
	unsigned packed, pushed;

	test_memory();
	test_split_lies();
	test_packed_lies();
	test_bad_layouts();
	test_size_bounds();
	for (packed = 0; packed < 2; packed++) {
		for (pushed = 0; pushed <= 4; pushed++) {
			test_inflight(packed, true, pushed);
			if (!packed)
				test_inflight(packed, false, pushed);
		}
		test_inflight_unpop(packed);
	}
	test_inflight_lies();
	test_inflight_turns();
	return tap_done();
}
