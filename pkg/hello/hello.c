/* hello: says that a container runs, on which kernel, and when. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "io.h"

int main(int argc, char **argv)
{
	struct utsname u;
	struct timespec t;
	char line[512];
	int n;

	io_fill_standard();
	if (uname(&u) < 0 || clock_gettime(CLOCK_BOOTTIME, &t) < 0)
		return 1;
	n = snprintf(line, sizeof(line),
		     "Hello%s%s from a container on %s %s, %lld.%03ld s after the machine started.\n",
		     argc > 1 ? ", " : "", argc > 1 ? argv[1] : "", u.sysname, u.release, (long long)t.tv_sec,
		     t.tv_nsec / 1000000);
	if (n < 0 || (size_t)n >= sizeof(line))
		n = (int)strlen(line);
	return io_write(STDOUT_FILENO, line, (size_t)n) < 0;
}
