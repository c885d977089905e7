#include "rc.h"
#include <unistd.h>

int rc_shutdown(const char *action)
{
	(void)action;
	rc_run_directory("rc", "/etc/shutdown.d");
	sync();
	return 0;
}
