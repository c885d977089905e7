/* modprobe: what the kernel calls when it wants a module ("modprobe -q -- fs-ext4"), and what people call. */
#include "log.h"
#include "module.h"
#include "rc.h"
#include "str.h"

struct wishes {
	bool quiet, all;
	int first; /* the first argument that is no option */
};

/* The blacklist holds for aliases always (-b), there is no syslog (-s), and what is done needs no words (-v). */
static int options_read(struct wishes *w, int argc, char **argv)
{
	int i;

	for (i = 1; i < argc && argv[i][0] == '-' && !str_eq(argv[i], "--"); i++) {
		for (const char *o = argv[i] + 1; *o; o++) {
			w->quiet |= *o == 'q';
			w->all |= *o == 'a';
			if (!strchr("qabsv", *o)) {
				log_error("unknown option -%c; known are -q, -a, -b, -s, -v", *o);
				return -1;
			}
		}
	}
	w->first = i < argc && str_eq(argv[i], "--") ? i + 1 : i;
	for (i = w->first + 1; !w->all && i < argc; i++)
		if (!strchr(argv[i], '='))
			break;
	if (w->first < argc && (w->all || i == argc))
		return 0;
	log_error("usage: " RC_MODPROBE_USAGE);
	return -1;
}

static int module_load(struct modules *m, const char *name, char *const *parameters, struct error *err)
{
	for (; *parameters; parameters++)
		if (modules_option(m, name, *parameters, err) < 0)
			return -1;
	return modules_load(m, name, err);
}

int rc_modprobe(int argc, char **argv)
{
	static char *const none[] = { NULL };
	_cleanup_error_ struct error err = { 0 };
	_cleanup_modules_ struct modules *m = NULL;
	struct wishes w = { 0 };
	int r = 0;

	if (options_read(&w, argc, argv) < 0)
		return 1;
	m = modules_open(NULL, &err);
	for (int i = w.first; i < (w.all ? argc : w.first + 1); i++) {
		if (m && module_load(m, argv[i], w.all ? none : argv + i + 1, &err) == 0)
			continue;
		if (!w.quiet)
			log_error("%s", error_text(&err));
		r = 1;
		if (!m)
			break;
	}
	return r;
}
