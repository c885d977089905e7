/* sysfs: writes the settings of /etc/sysfs.d/ into /sys, files in the order of their names. What cannot be set is said,
 * the others are set, and the status is 1 then: devices that are named here are expected to be there. Options as
 * LinuxKit's: -configDir DIR, -sysfsDir DIR. */
#include <getopt.h>
#include <stdio.h>

#include "io.h"
#include "log.h"
#include "setting.h"

static const char usage[] = "usage: sysfs [-configDir DIR] [-sysfsDir DIR]\n";

static void setting_failed(const char *file, const struct error *err)
{
	log_error("%s: %s", file, error_text(err));
}

int main(int argc, char **argv)
{
	static const struct option known[] = {
		{ "configDir", required_argument, NULL, 'c' },
		{ "sysfsDir", required_argument, NULL, 's' },
		{ 0 },
	};
	const char *config = "/etc/sysfs.d", *sysfs = "/sys";
	_cleanup_error_ struct error err = { 0 };
	int c, failed;

	io_fill_standard();
	log_setup("sysfs", LOG_LEVEL_INFO, false);
	while ((c = getopt_long_only(argc, argv, "", known, NULL)) != -1) {
		if (c == 'c')
			config = optarg;
		else if (c == 's')
			sysfs = optarg;
		else
			return fputs(usage, stderr), 2;
	}
	if (optind < argc)
		return fputs(usage, stderr), 2;
	failed = settings_apply(config, sysfs, SETTING_SLASHES, setting_failed, &err);
	if (failed < 0)
		log_error("%s", error_text(&err));
	return failed != 0;
}
