/* Any bytes from a gRPC server: no crash, no leak, every call ends. */
#include "grpc.h"

static void on_message(struct grpc_call *call, const uint8_t *data, size_t len)
{
	(void)data;
	if (len == 13)
		grpc_call_cancel(call);
}

static void on_done(struct grpc_call *call, enum grpc_status status, const char *message)
{
	(void)call;
	(void)status;
	(void)message;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* What every server says first, so that the interesting frames are reached at once. */
	static const uint8_t settings[] = { 0, 0, 0, 4, 0, 0, 0, 0, 0 };
	struct grpc_call calls[2] = { { .message = on_message, .done = on_done }, { .done = on_done } };
	struct grpc *g = grpc_new(NULL);
	_cleanup_buf_ struct buf out = { 0 };

	for (int i = 0; i < 2; i++)
		grpc_call_start(g, &calls[i], "/a/B", NULL, 0, "x", 1, NULL);
	grpc_output(g, &out, 65536, NULL);
	if (grpc_feed(g, settings, sizeof(settings), NULL) == 0 && grpc_feed(g, data, size, NULL) == 0)
		grpc_output(g, &out, 65536, NULL);
	grpc_free(g, NULL);
	return 0;
}
