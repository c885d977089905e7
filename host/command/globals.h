/* The options that every command takes, before its name and behind it. What they say is kept in the environment, where
 * the cache ($PITH_CACHE), mirrors ($LINUXKIT_MIRROR) and, by skopeo, certificates ($SSL_CERT_FILE) are looked for. */
#pragma once

#include "option.h"

extern const struct option global_options[];
