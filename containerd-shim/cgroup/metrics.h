/* Statistics of a container's control groups, as the messages that containerd passes on to its clients. */
#pragma once

#include "any.pb-c.h"
#include "cgroups.h"

/* Fills type_url (static) and value, whose data the caller frees. What the kernel does not offer stays 0 or away. */
int metrics_pack(const struct cgroups *groups, Google__Protobuf__Any *out, struct error *err);
