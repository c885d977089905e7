/* The sandbox service: requests are checked here, then done by sandbox.h. */
#pragma once

#include "server.h"

extern const struct service sandbox_service;
