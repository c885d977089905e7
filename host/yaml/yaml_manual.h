/* The manual page of the YAML, pith.yml(5), from the parser's tables. */
#pragma once

#include "roff.h"

void yaml_manual(const struct roff_edition *edition, FILE *to);
