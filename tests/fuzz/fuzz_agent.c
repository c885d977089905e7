/* What the agent, the shim and the host take from each other: frames, requests, fifo lines; and a container's config.
 * Frames that parse are made again and must be the same. Which vsock ports a container's config claims. */
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "claims.h"
#include "process_spec.h"
#include "user.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void frames(const uint8_t *data, size_t size)
{
	struct agent_frame f;
	size_t used;

	while (agent_frame_parse(data, size, &f, &used, NULL) > 0) {
		_cleanup_buf_ struct buf again = { 0 };
		_cleanup_agent_request_ struct agent_request r = { 0 };

		if (used > size)
			abort();
		if (f.type == AGENT_FAILED)
			agent_frame_failed(&again, f.number, "");
		else if (agent_frame_add(&again, f.type, f.data, f.len) < 0 || again.len != used ||
			 memcmp(buf_bytes(&again), data, used) != 0)
			abort();
		if (f.type == AGENT_REQUEST && agent_request_parse(f.data, f.len, &r, NULL) == 0 && !r.args[0])
			abort();
		data += used;
		size -= used;
	}
}

static void request(const uint8_t *data, size_t size)
{
	_cleanup_agent_request_ struct agent_request r = { 0 }, second = { 0 };
	_cleanup_buf_ struct buf again = { 0 };

	if (agent_request_parse(data, size, &r, NULL) < 0 || agent_request_add(&again, &r, NULL) < 0)
		return;
	if (agent_request_parse(buf_bytes(&again) + AGENT_HEADER, again.len - AGENT_HEADER, &second, NULL) < 0)
		abort();
}

static void fifos(const uint8_t *data, size_t size)
{
	struct fifo_request f;
	size_t used;

	if (fifo_request_parse(data, size, &f, &used, NULL) > 0 && (used > size || f.path[0] != '/'))
		abort();
	if (fifo_answer_parse(data, size, &used, NULL) > 0 && used > size)
		abort();
}

/* Three texts, with NULs between. */
static void users(const uint8_t *data, size_t size)
{
	char *text = calloc(1, size + 3), *second, *third;
	struct user u;

	if (!text)
		return;
	if (size)
		memcpy(text, data, size);
	second = text + strlen(text) + 1;
	third = second < text + size ? second + strlen(second) + 1 : text + size + 2;
	if (user_parse(text, second, third < text + size ? third : "", &u, NULL) == 0 && u.group_count > USER_GROUPS)
		abort();
	free(text);
}

/* A container's config.json claims ports. */
static void claims(const uint8_t *data, size_t size)
{
	uint32_t ports[CLAIMS_MAX];
	struct claims c;

	claims_init(&c);
	claims_add(&c, (const char *)data, size, NULL);
	if (claims_ports(&c, ports) > CLAIMS_MAX)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *args[] = { "true", NULL }, *env[] = { "A=b", NULL };
	const struct process_change change = { .args = args, .env = env, .user = true, .uid = 1 };
	_cleanup_buf_ struct buf out = { 0 };

	frames(data, size);
	request(data, size);
	fifos(data, size);
	users(data, size);
	claims(data, size);
	process_spec_make((const char *)data, size, &change, &out, NULL);
	return 0;
}
