/* poweroff, reboot and halt: ask PID 1 by the signals that busybox's init knows, too. With -f the kernel is told at
 * once, after a sync that -n leaves out. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/reboot.h>

#include "log.h"
#include "rc.h"
#include "str.h"

static const struct action {
	const char *name;
	int signo, command;
} actions[] = {
	{ "poweroff", SIGUSR2, RB_POWER_OFF },
	{ "reboot", SIGTERM, RB_AUTOBOOT },
	{ "halt", SIGUSR1, RB_HALT_SYSTEM },
};

bool rc_poweroff_has(const char *name)
{
	for (size_t i = 0; i < array_len(actions); i++)
		if (str_eq(name, actions[i].name))
			return true;
	return false;
}

int rc_poweroff(const char *name, int argc, char **argv)
{
	const struct action *a = actions;
	bool force = false, no_sync = false;

	while (!str_eq(a->name, name))
		a++;
	for (int i = 1; i < argc; i++) {
		force |= str_eq(argv[i], "-f");
		no_sync |= str_eq(argv[i], "-n");
		if (!str_eq(argv[i], "-f") && !str_eq(argv[i], "-n")) {
			log_error("usage: " RC_POWEROFF_USAGE("%s"), name);
			return 1;
		}
	}
	if (force) {
		if (!no_sync)
			sync();
		reboot(a->command);
	} else if (kill(1, a->signo) == 0) {
		return 0;
	}
	log_error("%s", strerror(errno));
	return 1;
}
