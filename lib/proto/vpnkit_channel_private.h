/* What the files of a mux share: vpnkit_mux.c reads frames, vpnkit_channel.c is what they do to one channel, both stand
 * on vpnkit_table.c. */
#pragma once

#include "vpnkit_mux.h"

/* Bytes of its Data, within its allowance. -1 without memory. */
int channel_data(struct vpnkit_channel *c, const uint8_t *p, size_t n);
/* The owner hears that the bytes have ended, once it has taken them all. */
void channel_tell_end(struct vpnkit_channel *c);
/* The peer's Close: the owner hears of it. */
void channel_closed(struct vpnkit_channel *c);
/* A Window of the peer. */
void channel_allowed(struct vpnkit_channel *c, uint64_t may_send);
/* Those that wait for room hear that there is some. */
void channels_room(struct vpnkit_mux *m);

/* --- vpnkit_table.c --- */
struct vpnkit_channel *channel_find(const struct vpnkit_mux *m, uint32_t id);
/* NULL without memory. */
struct vpnkit_channel *channel_new(struct vpnkit_mux *m, uint32_t id);
/* Both sides have closed it: it is out of the table, its memory stays until channels_free_dead(). */
void channel_retire(struct vpnkit_channel *c);
void channels_free_dead(struct vpnkit_mux *m);
