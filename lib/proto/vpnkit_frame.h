/* What VPNKit's data path says on a stream, in its three generations:
 *
 *   1  dedicated    a destination, then the connection's own bytes                 vpnkit_destination_parse()
 *   2  multiplexed  frames from the first byte on                                  vpnkit_frame_parse()
 *   3  handshake    each side sends its hello first, then frames                   vpnkit_hello_parse()
 *
 * Specification: github.com/moby/vpnkit, src/forwarder and go/pkg/libproxy. All numbers are little-endian.
 *
 *   destination  u8 proto; TCP and UDP: u16 length of the address (4 or 16), address, u16 port; Unix: u16 length, path
 *   frame        u16 length of this header, itself included; u8 command; u32 channel; then
 *                  Open    u8 1 dedicated or 2 multiplexed, destination
 *                  Data    u32 bytes that follow the header
 *                  Window  u64 bytes of the channel that the peer may have sent in all
 *                  Close, Shutdown  nothing
 *   hello        the line VPNKIT_MAGIC, u16 length, that many bytes, which VPNKit leaves empty and does not read
 *
 * Who accepts a stream tells the generation by its first bytes (vpnkit_detect). Who connects has to speak first, since
 * peers of generations 1 and 2 wait: it sends the hello. A peer of generation 3 sends its own, one of generation 2 ends
 * the stream, one of generation 1 stays silent (it takes the hello for a very long address). Ours says in its hello
 * that it also takes dedicated connections on the same port. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "buf.h"
#include "error.h"

enum vpnkit_generation {
	VPNKIT_DEDICATED = 1,
	VPNKIT_MULTIPLEXED,
	VPNKIT_HANDSHAKE,
};

enum {
	VPNKIT_DATA_PORT = 62372,      /* vsock: the host listens, the guest connects */
	VPNKIT_FORWARDER_PORT = 62373, /* vsock: the guest listens, the host connects */
	VPNKIT_CONTROL_PORT = 4098,    /* vsock: the host's control API */
	VPNKIT_PATH = 1024,            /* bytes of a Unix socket's path, with its NUL */
	VPNKIT_HEADER = 4096,          /* of a frame, at most */
	VPNKIT_DATA_HEADER = 11,
};

/* --- destinations ------------------------------------------------------------------------------------------------ */

enum vpnkit_proto {
	VPNKIT_TCP = 1,
	VPNKIT_UDP,
	VPNKIT_UNIX, /* in a dedicated connection only between programs of this project */
};

struct vpnkit_ip {
	uint8_t len; /* 4, 16, or 0: none */
	uint8_t bytes[16];
};

struct vpnkit_destination {
	enum vpnkit_proto proto;
	struct vpnkit_ip ip; /* TCP, UDP */
	uint16_t port;
	char path[VPNKIT_PATH]; /* Unix */
};

/* What the bytes begin with: 1: a destination, of *used bytes; 0: more bytes are needed; -1: it is none. */
int vpnkit_destination_parse(const void *bytes, size_t n, struct vpnkit_destination *out, size_t *used,
			     struct error *err);
/* -1 without memory. */
int vpnkit_destination_add(struct buf *b, const struct vpnkit_destination *d);
/* "tcp:127.0.0.1:80", "unix:/run/socket". */
const char *vpnkit_destination_text(const struct vpnkit_destination *d, char *out, size_t size);

/* Of an address in text; also "[::1]". 0, or -1. */
int vpnkit_ip_parse(const char *text, struct vpnkit_ip *out);
const char *vpnkit_ip_text(const struct vpnkit_ip *ip, char *out, size_t size);
/* The same address, an IPv4 one in its IPv6 form included. */
bool vpnkit_ip_equal(const struct vpnkit_ip *a, const struct vpnkit_ip *b);
/* Length of the socket address; no address at all is 0.0.0.0. An IPv4 one in its IPv6 form becomes IPv4. */
socklen_t vpnkit_ip_address(const struct vpnkit_ip *ip, uint16_t port, struct sockaddr_storage *out);
/* The other way round; false: of another family. */
bool vpnkit_ip_from(const struct sockaddr *address, struct vpnkit_ip *ip, uint16_t *port);

/* --- frames ------------------------------------------------------------------------------------------------------ */

enum vpnkit_command {
	VPNKIT_OPEN = 1,
	VPNKIT_CLOSE,
	VPNKIT_SHUTDOWN,
	VPNKIT_DATA,
	VPNKIT_WINDOW,
};

struct vpnkit_frame {
	enum vpnkit_command command;
	uint32_t id;
	bool dedicated;               /* OPEN: which nobody implements in a frame */
	struct vpnkit_destination to; /* OPEN */
	uint32_t payload;             /* DATA: bytes behind the header */
	uint64_t window;              /* WINDOW */
};

/* As vpnkit_destination_parse(); of a Data frame only the header. `out` is only written where the command has the
 * field. */
int vpnkit_frame_parse(const void *bytes, size_t n, struct vpnkit_frame *out, size_t *used, struct error *err);
/* Appends the header. -1 without memory. */
int vpnkit_frame_add(struct buf *b, const struct vpnkit_frame *f);
/* Writes the VPNKIT_DATA_HEADER bytes in front of a payload. */
void vpnkit_data_header(uint8_t *out, uint32_t id, uint32_t payload);

/* --- the beginning of a stream ----------------------------------------------------------------------------------- */

#define VPNKIT_MAGIC "https://github.com/moby/vpnkit multiplexer protocol\n"

/* By the first bytes that the peer sent: 1, 0: more are needed (at most 3 in all), -1: none of them. */
int vpnkit_detect(const void *bytes, size_t n, enum vpnkit_generation *out);

/* Appends our hello. */
int vpnkit_hello_add(struct buf *b);
/* As above. dedicated: the peer's also takes dedicated connections where it listens (one of this project). */
int vpnkit_hello_parse(const void *bytes, size_t n, bool *dedicated, size_t *used, struct error *err);
