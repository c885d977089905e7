/* lib/proto/ttrpc: frames in pieces, bad lengths, round trips. */
#include <errno.h>

#include "grpc.h"
#include "tap.h"
#include "task_service.pb-c.h"
#include "ttrpc.h"
#include "ttrpc.pb-c.h"

static void test_pieces(void)
{
	Containerd__Task__V2__StateRequest state = CONTAINERD__TASK__V2__STATE_REQUEST__INIT;
	_cleanup_buf_ struct buf wire = { 0 };
	struct ttrpc_reader r = { 0 };
	struct ttrpc_frame f;
	bool complete, early = false;
	size_t used = 0;
	Ttrpc__Request *req;

	state.id = (char *)"box";
	ok(ttrpc_add_request(&wire, 7, "containerd.task.v2.Task", "State", 5000, &state.base) == 0,
	   "a request is packed");
	ok(wire.data[0] == 0 && wire.data[7] == 7 && wire.data[8] == TTRPC_REQUEST && wire.data[9] == 0, "its header");
	for (size_t n = 0; n < wire.len; n++) {
		used += ttrpc_next(&r, wire.data, n, &f, &complete);
		early |= complete || used || ttrpc_wanted(&r, wire.data, n) <= n;
	}
	ok(!early, "no prefix of a frame is a frame");
	ok(ttrpc_next(&r, wire.data, wire.len, &f, &complete) == wire.len && complete, "the whole is");
	ok(f.stream == 7 && f.type == TTRPC_REQUEST && f.length == wire.len - TTRPC_HEADER && !f.oversized,
	   "its fields");
	req = ttrpc__request__unpack(NULL, f.length, f.data);
	if (ok(req != NULL, "its data is a request")) {
		ok_str(req->service, "containerd.task.v2.Task", "service");
		ok_str(req->method, "State", "method");
		ok(req->timeout_nano == 5000, "time limit");
		ok(req->payload.len == 5 && memcmp(req->payload.data, "\n\3box", 5) == 0, "payload");
		ttrpc__request__free_unpacked(req, NULL);
	}
}

static void test_two_frames(void)
{
	_cleanup_buf_ struct buf wire = { 0 };
	Containerd__Task__V2__StartResponse start = CONTAINERD__TASK__V2__START_RESPONSE__INIT;
	struct ttrpc_reader r = { 0 };
	struct ttrpc_frame f;
	Ttrpc__Response *res;
	bool complete;
	size_t used;

	start.pid = 300;
	ttrpc_add_response(&wire, 1, &start.base);
	ttrpc_add_error(&wire, 3, GRPC_NOT_FOUND, "no such thing");
	used = ttrpc_next(&r, wire.data, wire.len, &f, &complete);
	ok(complete && used < wire.len && f.stream == 1, "the first of two frames");
	ok(ttrpc_next(&r, wire.data + used, wire.len - used, &f, &complete) == wire.len - used && complete,
	   "the second");
	res = ttrpc__response__unpack(NULL, f.length, f.data);
	if (ok(res && res->status, "an error has a status")) {
		ok(res->status->code == 5, "its code");
		ok_str(res->status->message, "no such thing", "its text");
	}
	if (res)
		ttrpc__response__free_unpacked(res, NULL);
}

/* A frame of 4 GiB must cost neither memory nor the frame behind it. */
static void test_oversized(void)
{
	static const uint8_t header[TTRPC_HEADER] = { 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 9, TTRPC_REQUEST, 0 };
	static const uint8_t empty[TTRPC_HEADER] = { 0, 0, 0, 0, 0, 0, 0, 11, TTRPC_REQUEST, 0 };
	static uint8_t junk[1 << 20];
	struct ttrpc_reader r = { 0 };
	struct ttrpc_frame f;
	bool complete, clean = true;
	uint64_t left = 0xffffffffu;

	ok(ttrpc_next(&r, header, sizeof(header), &f, &complete) == sizeof(header) && complete, "its header is enough");
	ok(f.oversized && f.stream == 9 && !f.data, "it is reported, without data");
	memset(junk, TTRPC_REQUEST, sizeof(junk));
	while (left > 0) {
		size_t n = left < sizeof(junk) ? (size_t)left : sizeof(junk);

		clean &= ttrpc_wanted(&r, junk, 0) == 1 && ttrpc_next(&r, junk, n, &f, &complete) == n && !complete;
		left -= n;
	}
	ok(clean, "its 4 GiB are passed over");
	ok(ttrpc_next(&r, empty, sizeof(empty), &f, &complete) == sizeof(empty) && complete && f.stream == 11,
	   "the next frame is read");
}

static void test_limit(void)
{
	_cleanup_buf_ struct buf wire = { 0 };
	static char text[TTRPC_DATA_MAX + 1];

	memset(text, 'x', sizeof(text) - 1);
	errno = 0;
	ok(ttrpc_add_error(&wire, 1, GRPC_UNKNOWN, text) < 0 && errno == EMSGSIZE && wire.len == 0,
	   "a message over the limit is not sent");
}

int main(void)
{
	test_pieces();
	test_two_frames();
	test_oversized();
	test_limit();
	return tap_done();
}
