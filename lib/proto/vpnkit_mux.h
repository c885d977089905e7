/* Many channels in one stream, as VPNKit's generations 2 and 3 have them: a state machine over bytes, without input or
 * output of its own. What arrives goes into vpnkit_mux_input(); what has to be sent is in `out`. Both sides open
 * channels.
 *
 * A channel, seen from one side:
 *
 *   vpnkit_mux_open ------+--> OPEN -- vpnkit_channel_shutdown --> no more is sent --+
 *   handler.opened -------+      |                                                   |
 *     vpnkit_channel_accept      +-- vpnkit_channel_close ---------------------------+--> Close is sent; the owner is
 *     or vpnkit_channel_close                                                             rid of it, its number is free
 *                                                                                         once the peer has sent Close
 *
 *   the peer:  bytes --> handler.data --> Shutdown or Close --> handler.ended (after the last byte was taken)
 *              Close --> handler.closed: what is sent from now on reaches nobody
 *   the stream ends --> handler.lost: what is kept cannot be had later
 *
 * Flow control: a side may send only what the other has allowed by Window. The allowance here begins with 64 KiB and
 * doubles up to `window` while the owner takes what comes; more than `budget` bytes kept for owners that do not take
 * theirs make new allowances small. What a peer sends beyond its allowance ends the stream.
 *
 * What has to be sent is held up as well: once `out` has VPNKIT_OUT bytes, vpnkit_channel_reserve() gives nothing, and
 * handler.room comes to those who asked, in turn, when there is room again. While vpnkit_mux_choked() the caller reads
 * no more from the peer, who makes us answer and does not read the answers.
 *
 * Every call is legal in every handler but vpnkit_mux_input(), vpnkit_mux_fail() and vpnkit_mux_free(). */
#pragma once

#include "list.h"
#include "vpnkit_frame.h"

enum {
	VPNKIT_OUT = 256 * 1024,
	VPNKIT_WINDOW_FIRST = 64 * 1024,
	VPNKIT_WINDOW_MAX = 1024 * 1024, /* .window, unless it is set */
	VPNKIT_CHANNELS = 16384,         /* .limit, unless it is set */
	VPNKIT_BUDGET = 64 * 1024 * 1024,
};

struct vpnkit_mux;
struct vpnkit_channel;

struct vpnkit_mux_handler {
	/* The peer opens a channel: accept or close it, now or later. NULL: all are refused. */
	void (*opened)(struct vpnkit_mux *m, struct vpnkit_channel *c, const struct vpnkit_destination *to);
	/* There is something in `out` now. */
	void (*output)(struct vpnkit_mux *m);
};

/* All must be there. They are called until vpnkit_channel_close(), not after it. */
struct vpnkit_channel_handler {
	/* Bytes of the peer, at least one. Returns how many the owner has taken; the rest is kept, and comes again by
	 * vpnkit_channel_pull(). */
	size_t (*data)(struct vpnkit_channel *c, const uint8_t *bytes, size_t n);
	void (*ended)(struct vpnkit_channel *c);
	void (*closed)(struct vpnkit_channel *c); /* comes before `ended` */
	void (*lost)(struct vpnkit_channel *c);   /* the last: the stream has ended, and the channel with it */
	void (*room)(struct vpnkit_channel *c);   /* after vpnkit_channel_reserve() gave nothing */
};

struct vpnkit_channel {
	const struct vpnkit_channel_handler *handler; /* both set by the owner when it accepts or has opened it */
	void *data;
	uint32_t id;
	struct vpnkit_mux *mux;
	/* private */
	struct vpnkit_channel *next; /* in its bucket */
	struct list place;           /* among those who wait for room in `out`, or that are dead */
	struct buf kept;             /* received, not taken yet */
	uint64_t received, taken, allowed;
	uint64_t sent, may_send;
	uint32_t window;
	bool accepted, ended, end_told, shut, close_sent, close_received, wants_room;
};

/* Zero-initialise, set the first ones, call vpnkit_mux_init(). */
struct vpnkit_mux {
	const struct vpnkit_mux_handler *handler;
	void *data;
	bool connected; /* this side made the connection: its channels count down from 2^32 - 1, else up from 0 */
	uint32_t limit; /* channels at once */
	uint32_t window;
	uint64_t budget;
	/* read only */
	struct buf out;                       /* to be sent; the caller consumes it by vpnkit_mux_sent() */
	size_t count;                         /* channels that are not closed by both sides */
	bool handshake;                       /* of generation 3 */
	bool greeted;                         /* its hello is there */
	bool dedicated;                       /* the peer also takes dedicated connections */
	bool failed;                          /* the stream has ended */
	uint64_t opened, bytes_in, bytes_out; /* since the beginning */
	/* private */
	struct vpnkit_channel **buckets;
	size_t bucket_count;
	struct list waiting, dead;
	struct buf partial;             /* of a header */
	struct vpnkit_channel *payload; /* whose Data comes in; NULL: nobody's */
	uint32_t payload_left;
	uint32_t next_id;
	uint64_t kept; /* by all channels */
};

/* handshake: generation 3. Puts our hello into `out`. -1 without memory. */
int vpnkit_mux_init(struct vpnkit_mux *m, bool handshake);
/* Bytes of the peer, as many as came. -1: the stream makes no sense and has to end (vpnkit_mux_fail). */
int vpnkit_mux_input(struct vpnkit_mux *m, const void *bytes, size_t n, struct error *err);
/* n bytes of `out` have been sent. */
void vpnkit_mux_sent(struct vpnkit_mux *m, size_t n);
bool vpnkit_mux_choked(const struct vpnkit_mux *m);
/* The stream has ended: every channel hears `lost`, and is closed. */
void vpnkit_mux_fail(struct vpnkit_mux *m);
/* Channels that owners still have must not be used any more. */
void vpnkit_mux_free(struct vpnkit_mux *m);

/* Appends what there is to know, for people: a line a channel. */
int vpnkit_mux_dump(const struct vpnkit_mux *m, struct buf *out);

/* A channel to there; the owner sets its handler at once. NULL without memory, over the limit (EAGAIN), or when the
 * stream has ended (EPIPE). */
struct vpnkit_channel *vpnkit_mux_open(struct vpnkit_mux *m, const struct vpnkit_destination *to, struct error *err);
/* One that the peer has opened: its bytes may come. handler and data are set. */
void vpnkit_channel_accept(struct vpnkit_channel *c);

/* Room for bytes to be sent, *n > 0 of them (at most `want`), to be filled and counted by vpnkit_channel_commit()
 * before anything else is done with this mux; NULL: none now, handler.room comes. Not after shutdown, close, or
 * `closed`. */
uint8_t *vpnkit_channel_reserve(struct vpnkit_channel *c, size_t want, size_t *n);
/* n: of those bytes, also 0. */
void vpnkit_channel_commit(struct vpnkit_channel *c, size_t n);
/* Copies: how many of the bytes are on their way, also 0. */
size_t vpnkit_channel_send(struct vpnkit_channel *c, const void *bytes, size_t n);
/* Gives the owner what is kept for it, as far as it takes it. */
void vpnkit_channel_pull(struct vpnkit_channel *c);
/* No more is sent. Legal twice. */
void vpnkit_channel_shutdown(struct vpnkit_channel *c);
/* The owner has no more to do with it: no handler is called any more, the memory is the mux's. */
void vpnkit_channel_close(struct vpnkit_channel *c);
