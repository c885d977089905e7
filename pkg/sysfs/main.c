/* sysfs: writes the settings of /etc/sysfs.d/ into /sys, files in the order of their names. What cannot be set is said,
 * the others are set, and the status is 1 then: devices that are named here are expected to be there. Options as
 * LinuxKit's: -configDir DIR, -sysfsDir DIR. */
#include "io.h"
#include "log.h"
#include "program.h"
#include "setting.h"

struct given {
	const char *config, *sysfs;
};

static const struct option options[] = {
	{ "configDir", .argument = "DIR", .set = option_set_text, .field = offsetof(struct given, config),
	  .help = "the files of settings, /etc/sysfs.d" },
	{ "sysfsDir", .argument = "DIR", .set = option_set_text, .field = offsetof(struct given, sysfs),
	  .help = "where the kernel has them, /sys" },
	{ "help", 'h', .help = "print this help" },
	{ 0 },
};

static const struct program program = {
	.name = "sysfs",
	.text = "Writes the settings of the files below a directory to the devices of the kernel.",
	.options = options,
};

static void setting_failed(const char *file, const struct error *err)
{
	log_error("%s: %s", file, error_text(err));
}

int main(int argc, char **argv)
{
	struct given given = { .config = "/etc/sysfs.d", .sysfs = "/sys" };
	_cleanup_error_ struct error err = { 0 };
	int status, failed;

	(void)argc;
	io_fill_standard();
	log_setup("sysfs", LOG_LEVEL_INFO, false);
	status = program_line(&program, argv, &given);
	if (status >= 0)
		return status;
	failed = settings_apply(given.config, given.sysfs, SETTING_SLASHES, setting_failed, &err);
	if (failed < 0)
		log_error("%s", error_text(&err));
	return failed != 0;
}
