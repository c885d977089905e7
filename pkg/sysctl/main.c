/* sysctl: writes the settings of /etc/sysctl.d/ into /proc/sys, files in the order of their names. What cannot be set
 * is said and passed over: kernels differ in what they have. Options as LinuxKit's: -configDir DIR, -sysctlDir DIR. */
#include <getopt.h>
#include <stdio.h>

#include "io.h"
#include "log.h"
#include "setting.h"

static const char usage[] = "usage: sysctl [-configDir DIR] [-sysctlDir DIR]\n";

static void setting_failed(const char *file, const struct error *err)
{
	log_warn("%s: %s", file, error_text(err));
}

int main(int argc, char **argv)
{
	static const struct option known[] = {
		{ "configDir", required_argument, NULL, 'c' },
		{ "sysctlDir", required_argument, NULL, 's' },
		{ 0 },
	};
	const char *config = "/etc/sysctl.d", *sysctls = "/proc/sys";
	_cleanup_error_ struct error err = { 0 };
	int c;

	io_fill_standard();
	log_setup("sysctl", LOG_LEVEL_INFO, false);
	while ((c = getopt_long_only(argc, argv, "", known, NULL)) != -1) {
		if (c == 'c')
			config = optarg;
		else if (c == 's')
			sysctls = optarg;
		else
			return fputs(usage, stderr), 2;
	}
	if (optind < argc)
		return fputs(usage, stderr), 2;
	if (settings_apply(config, sysctls, SETTING_DOTS, setting_failed, &err) >= 0)
		return 0;
	log_error("%s", error_text(&err));
	return 1;
}
