/* Messages of 9P2000 from a client to the directory of ports, one behind the other. The host answers each question at
 * once, with the next message, or refuses, as a byte in front says. What is answered are whole messages; in the end
 * every port that was opened was closed, and nothing is left. */
#include <stdlib.h>
#include <string.h>

#include "portfs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LATER_MAX = PORTFS_PORTS_MAX };

static struct portfs_port *later[LATER_MAX];
static size_t later_count;
static long open_now;
static uint8_t mood;

static void answer(struct portfs_port *p)
{
	struct error e = { 0 };

	if (mood & 2) {
		error_say(&e, 0, "refused");
		portfs_opened(p, &e);
		error_clear(&e);
		return;
	}
	open_now++;
	portfs_opened(p, NULL);
}

static void host_open(void *data, struct portfs_port *p)
{
	(void)data;
	if (!(mood & 1) || later_count == LATER_MAX)
		answer(p);
	else
		later[later_count++] = p;
}

static void host_close(void *data, struct portfs_port *p)
{
	(void)data;
	open_now--;
	portfs_closed(p);
}

static void later_answer(void)
{
	while (later_count > 0)
		answer(later[--later_count]);
}

static void answers_check(struct buf *out)
{
	while (out->len > 0) {
		const uint8_t *p = buf_bytes(out);
		size_t n = out->len < 7 ? 0 : p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16 | (size_t)p[3] << 24;

		if (n < 7 || n > out->len || n > NINEP_MSIZE || p[4] % 2 == 0)
			abort();
		buf_consume(out, n);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t anew[] = { 19, 0, 0, 0,   NINEP_VERSION, 0xff, 0xff, 0,   32, 0,
					0,  6, 0, '9', 'P',           '2',  '0',  '0', '0' };
	static const struct portfs_handler host = { host_open, host_close };
	struct portfs fs = { .handler = &host };
	size_t used;

	if (size == 0)
		return 0;
	mood = data[0];
	data++;
	size--;
	open_now = 0;
	portfs_init(&fs);
	while (portfs_next(&fs, data, size, &used, NULL) > 0) {
		answers_check(&fs.out);
		data += used;
		size -= used;
		if (mood & 4)
			later_answer();
	}
	later_answer();
	portfs_next(&fs, anew, sizeof(anew), &used, NULL);
	later_answer();
	answers_check(&fs.out);
	if (open_now != 0 || fs.fid_count != 0)
		abort();
	portfs_clear(&fs);
	return 0;
}
