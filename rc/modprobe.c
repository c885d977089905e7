/* modprobe: what the kernel calls when it wants a module ("modprobe -q -- fs-ext4"), and what people call. */
#include "log.h"
#include "module.h"
#include "rc.h"
#include "str.h"

int rc_modprobe(int argc, char **argv)
{
	_cleanup_error_ struct error err = { 0 };
	_cleanup_modules_ struct modules *m = NULL;
	bool quiet = false, all = false;
	int i, r = 0;

	for (i = 1; i < argc && argv[i][0] == '-' && !str_eq(argv[i], "--"); i++) {
		for (const char *o = argv[i] + 1; *o; o++) {
			quiet |= *o == 'q';
			all |= *o == 'a';
			if (!strchr("qabs", *o)) { /* the blacklist holds for aliases always; there is no syslog */
				log_error("unknown option -%c; known are -q, -a, -b, -s", *o);
				return 1;
			}
		}
	}
	if (i < argc && str_eq(argv[i], "--"))
		i++;
	if (i == argc || (!all && i + 1 < argc)) {
		log_error(
			"usage: modprobe [-q] [-b] MODULE, modprobe -a MODULE... (options belong in /etc/modprobe.d)");
		return 1;
	}
	m = modules_open(NULL, &err);
	for (; i < argc; i++) {
		if (m && modules_load(m, argv[i], &err) == 0)
			continue;
		if (!quiet)
			log_error("%s", error_text(&err));
		r = 1;
		if (!m)
			break;
	}
	return r;
}
