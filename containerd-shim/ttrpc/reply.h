/* Small parts of answers and events. */
#pragma once

#include <stdio.h>
#include <time.h>

#include "task_events.pb-c.h"
#include "task_service.pb-c.h"

/* Names of fields here. In musl they are macros that cannot stand behind a dot. */
#undef stdin
#undef stdout
#undef stderr

/* Fills *out; NULL, which leaves the field away, for a time that has not come. */
static inline Google__Protobuf__Timestamp *reply_time(Google__Protobuf__Timestamp *out, const struct timespec *t)
{
	*out = (Google__Protobuf__Timestamp)GOOGLE__PROTOBUF__TIMESTAMP__INIT;
	out->seconds = t->tv_sec;
	out->nanos = (int32_t)t->tv_nsec;
	return t->tv_sec ? out : NULL;
}
