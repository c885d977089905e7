/* sysctl: writes the settings of /etc/sysctl.d/ into /proc/sys, files in the order of their names. What cannot be set
 * is said and passed over: kernels differ in what they have. Options as LinuxKit's: -configDir DIR, -sysctlDir DIR. */
#include "io.h"
#include "log.h"
#include "program.h"
#include "setting.h"

struct given {
	const char *config, *sysctls;
};

static const struct option options[] = {
	{ "configDir", .argument = "DIR", .set = option_set_text, .field = offsetof(struct given, config),
	  .help = "the files of settings, /etc/sysctl.d" },
	{ "sysctlDir", .argument = "DIR", .set = option_set_text, .field = offsetof(struct given, sysctls),
	  .help = "where the kernel has them, /proc/sys" },
	{ "help", 'h', .help = "print this help" },
	{ 0 },
};

static const struct program program = {
	.name = "sysctl",
	.text = "Writes the settings of the files below a directory into the kernel.",
	.options = options,
};

static void setting_failed(const char *file, const struct error *err)
{
	log_warn("%s: %s", file, error_text(err));
}

int main(int argc, char **argv)
{
	struct given given = { .config = "/etc/sysctl.d", .sysctls = "/proc/sys" };
	_cleanup_error_ struct error err = { 0 };
	int status;

	(void)argc;
	io_fill_standard();
	log_setup("sysctl", LOG_LEVEL_INFO, false);
	status = program_line(&program, argv, &given);
	if (status >= 0)
		return status;
	if (settings_apply(given.config, given.sysctls, SETTING_DOTS, setting_failed, &err) >= 0)
		return 0;
	log_error("%s", error_text(&err));
	return 1;
}
