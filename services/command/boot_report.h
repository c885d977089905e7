/* The boot report (report.h) for people: a line for each step, in the order of their starts. */
#pragma once

#include <stdbool.h>

#include "error.h"

/* On standard output; json: as it is. */
int boot_report_show(bool json, struct error *err);
