/* The task service: requests are checked here, then done by task.h or answered from what the shim knows. */
#pragma once

#include "server.h"

extern const struct service task_service;
