#include "way.h"

void way_ask(struct way *way, struct way_wish *w)
{
	w->way = way;
	w->tries = 0;
	w->retry = (struct loop_timer){ 0 };
	list_init(&w->place);
	way->ask(way, w);
}

void way_forget(struct way_wish *w)
{
	if (!w->way)
		return;
	list_remove(&w->place);
	loop_timer_disarm(&w->retry);
	w->way = NULL;
}

void way_done(struct way_wish *w, int fd, struct vpnkit_channel *channel, int code)
{
	way_forget(w);
	w->ready(w, fd, channel, code);
}
