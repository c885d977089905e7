/* The manual page of the guest's command `service`, service(8). */
#pragma once

#include "roff.h"

void service_manual(const struct roff_edition *edition, FILE *to);
