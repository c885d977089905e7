#include "clock.h"

#include <errno.h>
#include <sys/timex.h>
#include <time.h>

enum { SECOND = 1000000000 };

uint64_t clock_read(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

static int clock_step(int64_t ns, struct error *err)
{
	struct timespec now, new;
	int64_t part;

	clock_gettime(CLOCK_REALTIME, &now);
	part = now.tv_nsec + ns % SECOND;
	new.tv_sec = now.tv_sec + ns / SECOND + (part >= SECOND) - (part < 0);
	new.tv_nsec = part >= SECOND ? part - SECOND : part < 0 ? part + SECOND : part;
	return new.tv_sec < 0 || clock_settime(CLOCK_REALTIME, &new) < 0 ? error_set(err, errno, "step the clock") : 0;
}

int clock_move(int64_t ns, struct error *err)
{
	struct timex look = { 0 }, slew = { .modes = ADJ_OFFSET_SINGLESHOT, .offset = (long)(ns / 1000) };

	if (ns >= SECOND || ns <= -SECOND)
		return clock_step(ns, err);
	if (adjtimex(&look) != TIME_ERROR && !(look.status & STA_UNSYNC))
		return 0;
	return adjtimex(&slew) < 0 ? error_set(err, errno, "slew the clock") : 0;
}
