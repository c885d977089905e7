#include "metrics.h"

#include <errno.h>
#include <stdlib.h>

#include "metrics_private.h"

int metrics_pack(const struct cgroups *groups, Google__Protobuf__Any *out, struct error *err)
{
	struct metrics m = { 0 };
	ProtobufCMessage *message = groups->unified ? metrics_v2(&m, groups) : metrics_v1(&m, groups);
	int r = -1;

	if (message && !m.failed) {
		out->type_url = (char *)message->descriptor->name;
		out->value.len = protobuf_c_message_get_packed_size(message);
		out->value.data = malloc(out->value.len ? out->value.len : 1);
		if (out->value.data) {
			protobuf_c_message_pack(message, out->value.data);
			r = 0;
		}
	}
	arena_free(&m.arena);
	return r < 0 ? error_set(err, ENOMEM, "statistics") : 0;
}
