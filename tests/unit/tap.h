/* TAP output for C unit tests: table-driven tests call ok() once a row; main returns tap_done(). */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static int tap_count, tap_failed;

__attribute__((format(printf, 4, 5))) static inline bool tap_ok(bool good, const char *file, int line, const char *fmt,
								...)
{
	va_list ap;

	printf("%sok %d - ", good ? "" : "not ", ++tap_count);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	if (!good) {
		tap_failed++;
		printf("#   failed at %s:%d\n", file, line);
	}
	fflush(stdout);
	return good;
}

static inline bool tap_str(const char *got, const char *want, const char *file, int line, const char *what)
{
	bool good = (!got && !want) || (got && want && strcmp(got, want) == 0);

	tap_ok(good, file, line, "%s", what);
	if (!good)
		printf("#   got:  %s\n#   want: %s\n", got ? got : "(null)", want ? want : "(null)");
	return good;
}

static inline int tap_done(void)
{
	printf("1..%d\n", tap_count);
	return tap_failed ? 1 : 0;
}

#define ok(good, ...)           tap_ok((good), __FILE__, __LINE__, __VA_ARGS__)
#define ok_str(got, want, what) tap_str((got), (want), __FILE__, __LINE__, (what))
