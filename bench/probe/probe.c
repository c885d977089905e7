/* probe: writes when it ran, and the memory used then, onto the guest's console; the measuring end of bench/boot.
 *     probe NAME [--stay]
 *     probe NAME --ask ANSWERED COMMAND...   runs a command of the machine (which takes its processes and
 * CAP_SYS_CHROOT), and writes the same once it has ended well, as ANSWERED prints "probe: NAME UPTIME_us USED_KiB"
 * (CLOCK_BOOTTIME at its first instructions; MemTotal - MemAvailable, less the free pages that wait in lists of the
 * processors: MemAvailable lacks them, up to 6 MiB after a runtime ended). The console is a device node in the
 * container (its build.yml asks for it), so that images of other tools can run it, too.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "io.h"
#include "str.h"

static long long field(const char *text, const char *name)
{
	const char *p = strstr(text, name);

	return p ? atoll(p + strlen(name)) : 0;
}

/* The sum of the numbers behind each `name`. */
static long long fields(const char *text, const char *name)
{
	long long sum = 0;

	for (const char *p = text; (p = strstr(p, name)); p += strlen(name))
		sum += atoll(p + strlen(name));
	return sum;
}

static int say(const char *name)
{
	_cleanup_buf_ struct buf meminfo = { 0 }, zones = { 0 };
	_cleanup_close_ int console = -1;
	struct timespec t;
	char line[256];
	long long waiting;
	int n;

	if (clock_gettime(CLOCK_BOOTTIME, &t) < 0 || file_read("/proc/meminfo", 65536, &meminfo, NULL) < 0 ||
	    file_read("/proc/zoneinfo", 65536, &zones, NULL) < 0)
		return -1;
	waiting = fields(buf_text(&zones), " count: ") * (sysconf(_SC_PAGESIZE) / 1024);
	console = open("/dev/console", O_WRONLY | O_NOCTTY | O_CLOEXEC);
	n = snprintf(line, sizeof(line), "probe: %s %lld %lld\n", name,
		     (long long)t.tv_sec * 1000000 + t.tv_nsec / 1000,
		     field(buf_text(&meminfo), "MemTotal:") - field(buf_text(&meminfo), "MemAvailable:") - waiting);
	return n < 0 || (size_t)n >= sizeof(line) ? -1 : io_write(console, line, (size_t)n);
}

static bool ask(char *const command[])
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (chroot("/proc/1/root") == 0 && chdir("/") == 0)
			execv(command[0], command);
		_exit(127);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

int main(int argc, char **argv)
{
	if (argc < 2 || say(argv[1]) < 0)
		return 1;
	if (argc > 4 && str_eq(argv[2], "--ask") && (!ask(argv + 4) || say(argv[3]) < 0))
		return 1;
	while (argc > 2)
		pause();
	return 0;
}
