#include "order.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "io.h"
#include "logfile.h"
#include "str.h"

/* --- writing ----------------------------------------------------------------------------------------------------- */

int order_open(struct order *o, const char *dir, const char *name, struct error *err)
{
	o->file = str_format("%s.order", name);
	o->fd = -1;
	if (!o->file)
		return error_set(err, ENOMEM, "log %s", name);
	if (dir)
		o->fd = logfile_open(dir, o->file, NULL);
	return 0;
}

void order_close(struct order *o)
{
	if (!o->file)
		return;
	cleanup_close(&o->fd);
	free(o->file);
	*o = (struct order){ .fd = -1 };
}

static bool record_write(struct order *o, const char *dir, const struct order_record *r)
{
	uint64_t size = 0;

	/* Removed, or moved away, by somebody else. */
	if (o->fd < 0 || !logfile_is(o->fd, dir, o->file, "", &size)) {
		cleanup_close(&o->fd);
		o->fd = logfile_open(dir, o->file, NULL);
		size = 0;
	}
	if (o->fd >= 0 && size + sizeof(*r) > ORDER_FILE_MAX)
		o->fd = logfile_turn(o->fd, dir, o->file, NULL, NULL);
	return o->fd >= 0 && io_write(o->fd, r, sizeof(*r)) == 0;
}

void order_add(struct order *o, const char *dir, uint64_t offset, size_t n, uint32_t bits)
{
	struct order_record r = { .offset = (uint32_t)offset, .length = (uint32_t)(n & ORDER_LENGTH) | bits };
	struct timespec now;

	if (!o->file || offset > UINT32_MAX || n > ORDER_LENGTH)
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	r.time = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
	record_write(o, dir, &r); /* a full disk: the piece has no time */
}

bool order_mark(struct order *o, const char *dir, uint64_t inode, uint32_t bits)
{
	struct order_record r = { .time = inode, .length = bits };

	return o->file && record_write(o, dir, &r);
}

/* --- reading ----------------------------------------------------------------------------------------------------- */

enum order_fate order_fate_find(const struct order_record *later, size_t count, int stream, uint64_t *inode)
{
	enum order_fate fate = ORDER_FATE_PRESENT;

	*inode = 0;
	for (size_t i = 0; i < count; i++) {
		const struct order_record *r = &later[i];

		if (order_stream(r) != stream || !(r->length & (ORDER_TURNED | ORDER_ANEW)))
			continue;
		if (fate == ORDER_FATE_OLDER) {
			if (r->length & ORDER_TURNED)
				return ORDER_FATE_GONE;
			continue;
		}
		*inode = (r->length & ORDER_LENGTH) == 0 ? r->time : 0;
		if (!(r->length & ORDER_TURNED))
			return r->length & ORDER_EMPTIED ? ORDER_FATE_EMPTIED : ORDER_FATE_GONE;
		fate = ORDER_FATE_OLDER;
	}
	return fate;
}

enum { AGE_LOST = 2, AGE_LOST_NOW = 3 };

/* Which file each record means: counted from the end, where it is the present one. */
static void ages_find(uint8_t *ages, const struct order_record *records, size_t count)
{
	uint8_t age[2] = { 0, 0 };

	for (size_t i = count; i-- > 0;) {
		uint8_t *a = &age[order_stream(&records[i])];

		ages[i] = *a == AGE_LOST_NOW ? AGE_LOST : *a;
		/* The records before this one are of the file before. */
		if (records[i].length & ORDER_ANEW)
			*a = *a == 0 || *a == AGE_LOST_NOW ? AGE_LOST_NOW : AGE_LOST;
		else if (records[i].length & ORDER_TURNED)
			*a = *a == 0 || *a == AGE_LOST_NOW ? 1 : AGE_LOST;
	}
}

static int piece_add(struct order_pieces *p, struct order_piece piece)
{
	if (piece.from >= piece.to)
		return 0;
	if (p->count == p->cap) {
		size_t cap = p->cap ? p->cap * 2 : 64;
		struct order_piece *grown = reallocarray(p->list, cap, sizeof(*grown));

		if (!grown)
			return -1;
		p->list = grown;
		p->cap = cap;
	}
	p->list[p->count++] = piece;
	return 0;
}

/* Up to where each file has been put into the list. */
struct reached {
	const uint64_t (*size)[2];
	uint64_t at[2][2];
};

static int piece_advance(struct order_pieces *p, struct reached *r, int stream, int age, uint64_t to, uint64_t time)
{
	uint64_t from = r->at[stream][age], size = r->size[stream][age];

	if (to > size)
		to = size;
	if (to <= from)
		return 0;
	r->at[stream][age] = to;
	return piece_add(p, (struct order_piece){ time, (uint32_t)from, (uint32_t)to, (uint8_t)stream, (uint8_t)age });
}

/* The rest of the older file comes before the first of the present one. */
static int record_place(struct order_pieces *p, struct reached *r, const struct order_record *record, int age)
{
	int stream = order_stream(record);
	uint64_t to = (uint64_t)record->offset + (record->length & ORDER_LENGTH);

	if (age == 0 && piece_advance(p, r, stream, 1, UINT32_MAX, 0) < 0)
		return -1;
	if (piece_advance(p, r, stream, age, record->offset, 0) < 0)
		return -1;
	return piece_advance(p, r, stream, age, to, record->time);
}

int order_pieces_make(struct order_pieces *out, const struct order_record *records, size_t count,
		      const uint64_t size[2][2], bool ends)
{
	_cleanup_free_ uint8_t *ages = malloc(count + 1);
	struct reached reached = { .size = size };

	*out = (struct order_pieces){ 0 };
	if (!ages)
		return -1;
	ages_find(ages, records, count);
	for (size_t i = 0; i < count; i++)
		if (ages[i] < AGE_LOST && record_place(out, &reached, &records[i], ages[i]) < 0)
			return -1;
	/* Standard output first, as there is no order to go by. */
	for (int stream = 1; stream >= 0; stream--)
		for (int age = 1; age >= 0; age--)
			if ((ends || age == 1 || count == 0) &&
			    piece_advance(out, &reached, stream, age, UINT32_MAX, 0) < 0)
				return -1;
	return 0;
}

void order_pieces_clear(struct order_pieces *p)
{
	free(p->list);
	*p = (struct order_pieces){ 0 };
}
