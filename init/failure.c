#include "failure.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control.h"
#include "say.h"
#include "shutdown.h"
#include "supervise.h"

enum { REASON_PARTS = 8 };

/* Without rc.init nobody may have mounted /proc. */
static int cmdline_open(void)
{
	int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	mkdir("/proc", 0555); /* may be there */
	if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		return -1;
	return open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
}

static bool debug_wanted(void)
{
	static const char word[] = "pith.debug=1";
	char line[4096];
	int fd = cmdline_open();
	ssize_t n = fd < 0 ? -1 : read(fd, line, sizeof(line) - 1);
	const char *at;

	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return false;
	line[n] = '\0';
	at = strstr(line, word);
	return at && (at == line || at[-1] == ' ') && strchr(" \n", at[sizeof(word) - 1]);
}

/* Only when asked for, only when there is one. */
static bool debug_shell(void)
{
	struct control_request r = { .verb = CONTROL_RESPAWN, .name = "debug-shell", .argv = { "/bin/sh" } };
	char reply[64];

	if (!debug_wanted())
		return false;
	if (access("/bin/sh", X_OK) < 0) {
		say("pith.debug=1, but the image has no /bin/sh");
		return false;
	}
	say("pith.debug=1: a shell on the console");
	supervise_request(&r, NULL, 0, reply, sizeof(reply));
	return true;
}

void failure_end(const char *const reason[], bool again)
{
	const char *parts[REASON_PARTS + 2] = { FAILURE_WORDS };

	for (size_t i = 0; i < REASON_PARTS && reason[i]; i++)
		parts[i + 1] = reason[i];
	say_parts(parts);
	if (!debug_shell())
		shutdown_begin(again ? SHUTDOWN_REBOOT : SHUTDOWN_POWEROFF);
}
