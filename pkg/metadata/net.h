/* Asks the sources on the network.
 *
 * All are probed at once, since one that is not there costs its whole time: without a network it is PROBE_TIME for all
 * of them together. The first in order that answered wins, as soon as all before it have failed:
 *
 *   each:  [TOKEN ->] PROBING -> THERE or AWAY
 *   all:   probing -- a winner --> its items are fetched, all at once --> done
 *
 * Everything has a deadline, and every answer a size that it must not exceed. Redirects are not followed. */
#pragma once

#include "loop.h"
#include "provider.h"

enum {
	NET_PROBE_US = 2000 * 1000,
	NET_TOKEN_US = 1000 * 1000, /* of it, where a token is asked for first */
	NET_FETCH_US = 20 * 1000 * 1000,
};

/* What could not be had, and why. debug: it is common. */
typedef void net_say_fn(bool debug, const char *what, const char *why);

/* list: `count` of them. Returns the winner, whose files are in out (none, where one that it must have is missing; that
 * is said). NULL: nobody is there, or with an error nobody could be asked. */
const struct provider *net_find(struct loop *loop, const struct provider *const *list, size_t count, net_say_fn *say,
				struct findings *out, struct error *err);

/* Fetches a provider's items without a probe: for a seed that was named. -1: a required one is missing. */
int net_fetch(struct loop *loop, const struct provider *p, uint16_t port, net_say_fn *say, struct findings *out,
	      struct error *err);
