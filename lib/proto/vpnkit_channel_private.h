/* Between the input of a mux and its channels. */
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
/* Both sides have closed it. */
void channel_retire(struct vpnkit_channel *c);
