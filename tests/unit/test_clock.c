/* How far the guest's clock is off, as the host can tell; and that it is asked and moved over a socket. */
#include <sys/socket.h>
#include <unistd.h>

#include "agent.h"
#include "clock.h"
#include "tap.h"

#define MS INT64_C(1000000)
#define S  (1000 * MS)

static const struct {
	int64_t guest, before, after, want;
	const char *what;
} rows[] = {
	{ 1000 * S, 1000 * S, 1000 * S, 0, "right" },
	{ 1000 * S + 100 * MS, 1000 * S, 1000 * S, 0, "0.1 s ahead is right" },
	{ 1000 * S + 101 * MS, 1000 * S, 1000 * S, -101 * MS, "more is not" },
	{ 1000 * S, 1000 * S + 101 * MS, 1000 * S + 101 * MS, 101 * MS, "nor is it behind" },
	{ 1000 * S, 1000 * S, 1000 * S + 400 * MS, 0, "a slow answer says little" },
	{ 1000 * S, 1000 * S + 10 * S, 1000 * S + 10 * S + 400 * MS, 10 * S + 200 * MS, "but enough" },
	{ 1000 * S, 30000 * S, 30000 * S, 29000 * S, "eight hours" },
	{ 1000 * S, 1000 * S + 5 * S, 1000 * S, 0, "the host's clock was set meanwhile" },
	{ -1, 1000 * S, 1000 * S, 0, "no time" },
};

static int peer = -1;

static int reach(void *data, int fd)
{
	(void)data;
	peer = fd;
	return 0;
}

int main(void)
{
	struct loop *loop = loop_new(NULL);
	struct guest_clock *c = clock_open(loop, reach, NULL, NULL);

	for (size_t i = 0; i < array_len(rows); i++)
		ok(clock_difference((uint64_t)rows[i].guest, (uint64_t)rows[i].before, (uint64_t)rows[i].after) ==
			   rows[i].want,
		   "%s", rows[i].what);
	ok(c && peer < 0, "nobody is asked at once");
	clock_close(c);
	loop_free(loop);
	return tap_done();
}
