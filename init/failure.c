#include "failure.h"

#include <errno.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmdline.h"
#include "control.h"
#include "say.h"
#include "shutdown.h"
#include "supervise.h"

enum { REASON_PARTS = 8 };

static bool word_is(const char *name, const char *wanted)
{
	char value[16];

	return cmdline_value(name, value, sizeof(value)) && strcmp(value, wanted) == 0;
}

/* Only when asked for, only when there is one. */
static bool debug_shell(void)
{
	struct control_request r = { .verb = CONTROL_RESPAWN, .name = "debug-shell", .argv = { "/bin/sh" } };
	char reply[64];

	if (!word_is("pith.debug", "1"))
		return false;
	if (access("/bin/sh", X_OK) < 0) {
		say("pith.debug=1, but the image has no /bin/sh");
		return false;
	}
	say("pith.debug=1: a shell on the console");
	/* without rc.init nobody may have mounted it; a shell that does without is still one */
	if (access("/proc/self", F_OK) < 0 && (mkdir("/proc", 0555) == 0 || errno == EEXIST || errno == EROFS))
		mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	supervise_request(&r, NULL, 0, reply, sizeof(reply));
	return true;
}

static enum shutdown_action end_wanted(void)
{
	if (word_is("pith.failure", "halt"))
		return SHUTDOWN_HALT;
	return word_is("pith.failure", "reboot") ? SHUTDOWN_REBOOT : SHUTDOWN_POWEROFF;
}

static void reason_say(const char *const reason[])
{
	const char *parts[REASON_PARTS + 2] = { FAILURE_WORDS };

	for (size_t i = 0; i < REASON_PARTS && reason[i]; i++)
		parts[i + 1] = reason[i];
	say_parts(parts);
}

void failure_end(const char *const reason[], bool again)
{
	reason_say(reason);
	if (!debug_shell())
		shutdown_begin(again ? SHUTDOWN_REBOOT : end_wanted());
}

void failure_refuse(const char *const reason[], bool again)
{
	reason_say(reason);
	if (word_is("pith.debug", "1"))
		say("pith.debug=1: no shell, since nothing of a root runs that was not checked");
	shutdown_alone();
	shutdown_begin(again ? SHUTDOWN_REBOOT : end_wanted());
}
