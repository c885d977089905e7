/* One program by several names: expose.h says which. */
#include <signal.h>
#include <string.h>

#include "expose.h"
#include "io.h"
#include "log.h"
#include "str.h"

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(int argc, char **argv);
	} programs[] = {
		{ "vpnkit-list-ports", list_main },
		{ "vpnkit-iptables-wrapper", wrapper_main },
		{ "vpnkit-port-dir", portdir_main },
	};
	const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL,
		   *name = slash ? slash + 1
		: argc > 0       ? argv[0]
				 : "";
	size_t i;

	io_fill_standard();
	signal(SIGPIPE, SIG_IGN);
	for (i = 0; i < array_len(programs); i++) {
		if (str_eq(name, programs[i].name)) {
			log_setup(programs[i].name, LOG_LEVEL_INFO, false);
			return programs[i].run(argc, argv);
		}
	}
	log_setup("vpnkit-expose-port", LOG_LEVEL_INFO, false);
	return expose_main(argc, argv);
}
