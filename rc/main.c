/* rc: what it does depends on the name it is called by. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "io.h"
#include "log.h"
#include "rc.h"
#include "str.h"

/* Of the names that people call. */
static const struct {
	const char *name, *usage;
} usages[] = {
	{ "modprobe", RC_MODPROBE_USAGE },
	{ "initctl", RC_INITCTL_USAGE },
	{ "poweroff", RC_POWEROFF_USAGE("poweroff") },
	{ "reboot", RC_POWEROFF_USAGE("reboot") },
	{ "halt", RC_POWEROFF_USAGE("halt") },
};

/* False: there is nothing to tell. */
static bool usage_print(const char *name)
{
	for (size_t i = 0; i < array_len(usages); i++)
		if (str_eq(usages[i].name, name))
			return printf("usage: %s\n", usages[i].usage) > 0;
	return false;
}

int main(int argc, char **argv)
{
	const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL,
		   *name = slash ? slash + 1
		: argc > 0       ? argv[0]
				 : "rc";

	io_fill_standard();
	log_setup(name, LOG_LEVEL_INFO, true);
	signal(SIGPIPE, SIG_IGN);
	if (argc == 2 && str_eq(argv[1], "--help") && usage_print(name))
		return 0;
	if (str_eq(name, "rc.init"))
		return rc_init();
	if (str_eq(name, "rc.shutdown"))
		return rc_shutdown(argc > 1 ? argv[1] : "poweroff");
	if (str_eq(name, "rc.hotplug"))
		return rc_hotplug();
	if (str_eq(name, "modprobe"))
		return rc_modprobe(argc, argv);
	if (str_eq(name, "initctl"))
		return rc_initctl(argc, argv);
	if (rc_poweroff_has(name))
		return rc_poweroff(name, argc, argv);
	log_error(
		"not a name that I know: rc.init, rc.shutdown, rc.hotplug, modprobe, initctl, poweroff, reboot, halt");
	return 1;
}
