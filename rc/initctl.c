/* initctl: what shell scripts ask PID 1 (lib/sys/initctl.h). */
#include <stdio.h>

#include "initctl.h"
#include "log.h"
#include "rc.h"
#include "str.h"

int rc_initctl(int argc, char **argv)
{
	_cleanup_error_ struct error err = { 0 };
	_cleanup_buf_ struct buf list = { 0 };
	const char *verb = argc > 1 ? argv[1] : "";

	if (!(str_eq(verb, "respawn") && argc > 4) && !(str_eq(verb, "stop") && argc == 3) &&
	    !(str_eq(verb, "list") && argc == 2)) {
		log_error("usage: " RC_INITCTL_USAGE);
		return 1;
	}
	if (initctl_request(argv + 1, &list, &err) < 0) {
		log_error("%s", error_text(&err));
		return 1;
	}
	fputs(buf_text(&list), stdout);
	return 0;
}
