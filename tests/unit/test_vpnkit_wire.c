/* VPNKit's wire formats: destinations, frames, hellos, datagrams, port forwards. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "str.h"
#include "tap.h"
#include "vpnkit_port.h"
#include "vpnkit_udp.h"

/* --- frames ------------------------------------------------------------------------------------------------------- */

/* From github.com/moby/vpnkit, go/test_inputs: what its own programs send. */
static const uint8_t open_tcp[] = { 17, 0, 1, 4, 0, 0, 0, 2, 1, 4, 0, 127, 0, 0, 1, 80, 0 };
static const uint8_t open_unix[] = { 15, 0, 1, 5, 0, 0, 0, 2, 3, 4, 0, '/', 'a', '/', 'b' };
static const uint8_t shut[] = { 7, 0, 3, 7, 0, 0, 0 };
static const uint8_t data[] = { 11, 0, 4, 8, 0, 0, 0, 128, 0, 0, 0 };
static const uint8_t window[] = { 15, 0, 5, 9, 0, 0, 0, 8, 0, 0, 0, 0, 1, 0, 0 };

static void frame_is(const char *name, const uint8_t *bytes, size_t n, const struct vpnkit_frame *want)
{
	struct vpnkit_frame f = { 0 };
	_cleanup_buf_ struct buf again = { 0 };
	size_t used = 0, i, early = 0;
	int r;

	for (i = 0; i < n; i++)
		early += vpnkit_frame_parse(bytes, i, &f, &used, NULL) != 0;
	ok(early == 0, "%s: not before its last byte", name);
	r = vpnkit_frame_parse(bytes, n, &f, &used, NULL);
	ok(r == 1 && used == n && f.command == want->command && f.id == want->id && f.payload == want->payload &&
		   f.window == want->window,
	   "%s is read", name);
	ok(vpnkit_frame_add(&again, &f) == 0 && again.len == n && memcmp(buf_bytes(&again), bytes, n) == 0,
	   "%s is written the same", name);
}

static void test_frames(void)
{
	struct vpnkit_frame f;
	char text[64];
	size_t used;

	frame_is("Open", open_tcp, sizeof(open_tcp), &(struct vpnkit_frame){ .command = VPNKIT_OPEN, .id = 4 });
	frame_is("Open of a path", open_unix, sizeof(open_unix),
		 &(struct vpnkit_frame){ .command = VPNKIT_OPEN, .id = 5 });
	frame_is("Shutdown", shut, sizeof(shut), &(struct vpnkit_frame){ .command = VPNKIT_SHUTDOWN, .id = 7 });
	frame_is("Data", data, sizeof(data), &(struct vpnkit_frame){ .command = VPNKIT_DATA, .id = 8, .payload = 128 });
	frame_is("Window", window, sizeof(window),
		 &(struct vpnkit_frame){ .command = VPNKIT_WINDOW, .id = 9, .window = 8 | 1ull << 40 });
	vpnkit_frame_parse(open_tcp, sizeof(open_tcp), &f, &used, NULL);
	ok_str(vpnkit_destination_text(&f.to, text, sizeof(text)), "tcp:127.0.0.1:80", "its destination");
	vpnkit_frame_parse(open_unix, sizeof(open_unix), &f, &used, NULL);
	ok_str(vpnkit_destination_text(&f.to, text, sizeof(text)), "unix:/a/b", "its path");
}

static void test_bad_frames(void)
{
	static const struct {
		const char *name;
		uint8_t bytes[20];
		size_t n;
	} rows[] = {
		{ "a header shorter than its fields", { 6, 0, 2, 0, 0, 0 }, 6 },
		{ "a header of 64 KiB", { 255, 255, 1 }, 3 },
		{ "command 0", { 7, 0, 0 }, 3 },
		{ "command 6", { 7, 0, 6 }, 3 },
		{ "Close with a tail", { 8, 0, 2, 0, 0, 0, 0, 1 }, 8 },
		{ "Data without a length", { 7, 0, 4, 0, 0, 0, 0 }, 7 },
		{ "Open to nowhere", { 7, 0, 1, 0, 0, 0, 0 }, 7 },
		{ "Open of type 3", { 8, 0, 1, 0, 0, 0, 0, 3 }, 8 },
		{ "Open for protocol 4", { 9, 0, 1, 0, 0, 0, 0, 2, 4 }, 9 },
		{ "an address of 5 bytes", { 18, 0, 1, 0, 0, 0, 0, 2, 1, 5, 0, 1, 2, 3, 4, 5, 80, 0 }, 18 },
		{ "Open cut in its port", { 16, 0, 1, 4, 0, 0, 0, 2, 1, 4, 0, 127, 0, 0, 1, 80 }, 16 },
		{ "Open with a tail", { 18, 0, 1, 4, 0, 0, 0, 2, 1, 4, 0, 127, 0, 0, 1, 80, 0, 0 }, 18 },
		{ "an empty path", { 11, 0, 1, 4, 0, 0, 0, 2, 3, 0, 0 }, 11 },
		{ "a path with a zero byte", { 13, 0, 1, 4, 0, 0, 0, 2, 3, 2, 0, 'a', 0 }, 13 },
	};
	size_t i;

	for (i = 0; i < array_len(rows); i++) {
		_cleanup_error_ struct error e = { 0 };
		struct vpnkit_frame f;
		size_t used;

		ok(vpnkit_frame_parse(rows[i].bytes, rows[i].n, &f, &used, &e) == -1 && e.msg, "refused: %s",
		   rows[i].name);
	}
}

/* --- the beginning ------------------------------------------------------------------------------------------------ */

static void test_detect(void)
{
	static const struct {
		const char *name;
		uint8_t bytes[4];
		size_t n;
		int r;
		enum vpnkit_generation generation;
	} rows[] = {
		{ "nothing yet", { 0 }, 0, 0, 0 },
		{ "one byte of a frame", { 17 }, 1, 0, 0 },
		{ "half an address' length", { 1, 4 }, 2, 0, 0 },
		{ "TCP", { 1, 4, 0 }, 3, 1, VPNKIT_DEDICATED },
		{ "TCP over IPv6", { 1, 16, 0 }, 3, 1, VPNKIT_DEDICATED },
		{ "UDP", { 2, 4, 0 }, 3, 1, VPNKIT_DEDICATED },
		{ "a path", { 3, 9, 0 }, 3, 1, VPNKIT_DEDICATED },
		{ "Open", { 17, 0, 1 }, 3, 1, VPNKIT_MULTIPLEXED },
		{ "Open of a path of 247 bytes", { 2, 1, 1 }, 3, 1, VPNKIT_MULTIPLEXED },
		{ "Open of a path of 248 bytes", { 3, 1, 1 }, 3, 1, VPNKIT_MULTIPLEXED },
		{ "half a hello", { 'h', 't' }, 2, 0, 0 },
		{ "a hello", { 'h', 't', 't' }, 3, 1, VPNKIT_HANDSHAKE },
		{ "an HTTP request", { 'G', 'E', 'T' }, 3, -1, 0 },
		{ "zeroes", { 0, 0, 0 }, 3, -1, 0 },
		{ "command 6", { 7, 0, 6 }, 3, -1, 0 },
		{ "UDP with an address of 5 bytes", { 2, 5, 0 }, 3, -1, 0 },
	};
	size_t i;

	for (i = 0; i < array_len(rows); i++) {
		enum vpnkit_generation g = 0;
		int r = vpnkit_detect(rows[i].bytes, rows[i].n, &g);

		ok(r == rows[i].r && (r < 1 || g == rows[i].generation), "first bytes: %s", rows[i].name);
	}
}

static void test_hello(void)
{
	_cleanup_buf_ struct buf ours = { 0 }, theirs = { 0 };
	bool dedicated = false;
	size_t used = 0;

	ok(vpnkit_hello_add(&ours) == 0 &&
		   vpnkit_hello_parse(buf_bytes(&ours), ours.len, &dedicated, &used, NULL) == 1 && used == ours.len &&
		   dedicated,
	   "our own hello");
	ok(vpnkit_hello_parse(buf_bytes(&ours), ours.len - 1, &dedicated, &used, NULL) == 0, "a part of it");
	buf_addstr(&theirs, VPNKIT_MAGIC);
	buf_add(&theirs, "\0\0", 2);
	ok(vpnkit_hello_parse(buf_bytes(&theirs), theirs.len, &dedicated, &used, NULL) == 1 && used == 54 && !dedicated,
	   "one of VPNKit");
	buf_bytes(&theirs)[20] ^= 1;
	ok(vpnkit_hello_parse(buf_bytes(&theirs), theirs.len, &dedicated, &used, NULL) == -1, "another line");
}

/* --- addresses ---------------------------------------------------------------------------------------------------- */

static void test_addresses(void)
{
	struct vpnkit_ip four, mapped, six;
	struct sockaddr_storage address;
	uint16_t port;

	ok(vpnkit_ip_parse("172.17.0.2", &four) == 0 && vpnkit_ip_parse("::ffff:172.17.0.2", &mapped) == 0 &&
		   vpnkit_ip_parse("[fe80::1]", &six) == 0,
	   "three addresses");
	ok(vpnkit_ip_equal(&four, &mapped) && !vpnkit_ip_equal(&four, &six),
	   "an IPv4 address in both forms is the same");
	ok(vpnkit_ip_address(&mapped, 80, &address) == sizeof(struct sockaddr_in) && address.ss_family == AF_INET,
	   "and is connected to as one");
	ok(vpnkit_ip_from((struct sockaddr *)&address, &mapped, &port) && port == 80 && mapped.len == 4, "and back");
	ok(vpnkit_ip_parse("1.2.3", &four) < 0 && vpnkit_ip_parse("[::1", &four) < 0 && vpnkit_ip_parse("", &four) < 0,
	   "none is refused");
}

/* --- datagrams ---------------------------------------------------------------------------------------------------- */

struct got {
	size_t count, bytes;
	uint16_t port;
};

static void datagram_come(void *p, const struct vpnkit_datagram *d)
{
	struct got *got = p;

	got->count++;
	got->bytes += d->len;
	got->port = d->port;
}

static void test_datagrams(void)
{
	static uint8_t payload[VPNKIT_DATAGRAM];
	_cleanup_(vpnkit_datagrams_free) struct vpnkit_datagrams s = { 0 };
	uint8_t address[VPNKIT_UDP_ADDRESS], header[VPNKIT_UDP_HEADER];
	_cleanup_buf_ struct buf stream = { 0 };
	struct vpnkit_ip ip;
	struct got got = { 0 };
	size_t len, i;

	vpnkit_ip_parse("10.0.0.9", &ip);
	len = vpnkit_datagram_address(address, &ip, 5353);
	ok(len == 10, "a client's address");
	for (i = 0; i < 3; i++) {
		size_t n = i == 1 ? sizeof(payload) : i;

		buf_add(&stream, header, vpnkit_datagram_header(header, address, len, n));
		buf_add(&stream, payload, n);
	}
	for (i = 0; i < stream.len; i++)
		vpnkit_datagrams_feed(&s, buf_bytes(&stream) + i, 1, datagram_come, &got, NULL);
	ok(got.count == 3 && got.bytes == sizeof(payload) + 2 && got.port == 5353, "three datagrams, byte by byte");
	ok(s.rest.data == NULL, "nothing is kept");
	got = (struct got){ 0 };
	ok(vpnkit_datagrams_feed(&s, buf_bytes(&stream), stream.len, datagram_come, &got, NULL) == 0 && got.count == 3,
	   "three at once");
	ok(vpnkit_datagrams_feed(&s, "\0\0\5\0", 4, datagram_come, &got, NULL) == -1, "an address of 5 bytes");
}

/* --- port forwards ------------------------------------------------------------------------------------------------ */

static void test_specs(void)
{
	static const struct {
		const char *spec, *description; /* NULL: refused */
	} rows[] = {
		{ "tcp:0.0.0.0:8080:tcp:172.17.0.2:80", "tcp forward from 0.0.0.0:8080 to 172.17.0.2:80" },
		{ "udp:127.0.0.1:53:udp:172.17.0.2:53", "udp forward from 127.0.0.1:53 to 172.17.0.2:53" },
		{ "tcp:[::1]:0:tcp:[fe80::1]:65535", "tcp forward from [::1]:0 to [fe80::1]:65535" },
		{ "unix:L2E=:unix:L3J1bi9i", "unix forward from /a to /run/b" },
		{ "tcp:0.0.0.0:80:udp:1.2.3.4:80", NULL },
		{ "tcp:0.0.0.0:80", NULL },
		{ "tcp:0.0.0.0:65536:tcp:1.2.3.4:80", NULL },
		{ "tcp:0.0.0.0:-1:tcp:1.2.3.4:80", NULL },
		{ "tcp:host:80:tcp:1.2.3.4:80", NULL },
		{ "tcp:0.0.0.0:80:tcp:1.2.3.4:80:tcp", NULL },
		{ "unix:????:unix:L2I=", NULL },
		{ "unix::unix:L2I=", NULL },
		{ "unix:AAAA:unix:L2I=", NULL }, /* three zero bytes */
		{ "tcp:L2E=:tcp:L2I=", NULL },
		{ "unix:1:2:unix:3:4", NULL },
		{ "", NULL },
	};
	size_t i;

	for (i = 0; i < array_len(rows); i++) {
		_cleanup_error_ struct error e = { 0 };
		_cleanup_vpnkit_port_ struct vpnkit_port p = { 0 };
		_cleanup_buf_ struct buf text = { 0 }, spec = { 0 };
		int r = vpnkit_port_parse(rows[i].spec, strlen(rows[i].spec), &p, &e);

		if (!rows[i].description) {
			ok(r == -1 && e.msg, "refused: \"%s\"", rows[i].spec);
			continue;
		}
		ok(r == 0 && vpnkit_port_describe(&p, &text) == 0 && vpnkit_port_spec(&p, &spec) == 0, "\"%s\"",
		   rows[i].spec);
		ok_str(buf_text(&text), rows[i].description, "its description");
		ok_str(buf_text(&spec), rows[i].spec, "and again");
	}
}

static void test_json(void)
{
	static const struct {
		const char *json, *again; /* NULL: refused */
	} rows[] = {
		{ "{\"proto\":\"tcp\",\"out_ip\":\"0.0.0.0\",\"out_port\":80,\"in_ip\":\"10.0.0.2\",\"in_port\":8080}",
		  "{\"proto\":\"tcp\",\"out_ip\":\"0.0.0.0\",\"out_port\":80,\"in_ip\":\"10.0.0.2\",\"in_port\":"
		  "8080}" },
		{ "{\"proto\":\"unix\",\"out_path\":\"/a\",\"in_path\":\"/b\",\"annotation\":\"x\"}",
		  "{\"proto\":\"unix\",\"out_path\":\"/a\",\"in_path\":\"/b\",\"annotation\":\"x\"}" },
		{ "{\"proto\":\"udp\",\"in_port\":53}", "{\"proto\":\"udp\",\"in_port\":53}" },
		{ "{\"proto\":\"sctp\"}", NULL },
		{ "{}", NULL },
		{ "[]", NULL },
		{ "{\"proto\":\"tcp\",\"out_port\":65536}", NULL },
		{ "{\"proto\":\"tcp\",\"out_port\":\"80\"}", NULL },
		{ "{\"proto\":\"tcp\",\"out_ip\":\"localhost\"}", NULL },
		{ "{\"proto\":\"tcp\",\"out_ip\":7}", NULL },
		{ "{\"proto\":\"unix\",\"out_path\":\"/a\"}", NULL },
		{ "{\"proto\":\"unix\",\"out_path\":\"\",\"in_path\":\"/b\"}", NULL },
	};
	size_t i;

	for (i = 0; i < array_len(rows); i++) {
		_cleanup_error_ struct error e = { 0 };
		_cleanup_vpnkit_port_ struct vpnkit_port p = { 0 }, copy = { 0 };
		_cleanup_buf_ struct buf text = { 0 };
		struct jsonw w = { .out = &text, .compact = true };
		int r = vpnkit_port_parse_json(rows[i].json, strlen(rows[i].json), &p, &e);

		if (!rows[i].again) {
			ok(r == -1 && e.msg, "refused: %s", rows[i].json);
			continue;
		}
		ok(r == 0 && vpnkit_port_copy(&copy, &p) == 0, "JSON of a port");
		vpnkit_port_to_json(&copy, &w, NULL);
		ok_str(buf_text(&text), rows[i].again, "and again");
	}
}

int main(void)
{
	test_frames();
	test_bad_frames();
	test_detect();
	test_hello();
	test_addresses();
	test_datagrams();
	test_specs();
	test_json();
	return tap_done();
}
