/* Why there is no root, as strings for say_parts(). Of one thing at a time: the next reason takes the place of the
 * last. */
#pragma once

/* The given strings, which stay where they are. */
const char *const *reason_parts(const char *const parts[]);
#define reason(...) reason_parts((const char *const[]){ __VA_ARGS__, NULL })

/* "cannot WHAT ON: " and what errno says. */
const char *const *reason_errno(const char *what, const char *on);
