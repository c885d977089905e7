#include <signal.h>
#include <stdio.h>

#include "log.h"
#include "peer.h"
#include "str.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *usage;
} modes[] = {
	{ "serve", peer_serve, "serve ADDRESS..." },
	{ "load", peer_load, "load ADDRESS CONNECTIONS MIN MAX SECONDS [SEED]" },
	{ "ping", peer_ping, "ping ADDRESS COUNT" },
	{ "bulk", peer_bulk, "bulk ADDRESS up|down|both BYTES" },
	{ "cat", peer_cat, "cat ADDRESS [FIRST-LINE]" },
	{ "many", peer_many, "many ADDRESS COUNT" },
	{ "run", peer_run, "run ADDRESS [COMMAND]" },
};

int main(int argc, char **argv)
{
	size_t i;

	signal(SIGPIPE, SIG_IGN);
	log_setup("peer", LOG_LEVEL_INFO, false);
	for (i = 0; i < array_len(modes); i++)
		if (argc > 2 && str_eq(argv[1], modes[i].name))
			return modes[i].run(argc - 1, argv + 1);
	for (i = 0; i < array_len(modes); i++)
		fprintf(stderr, "peer %s\n", modes[i].usage);
	return 2;
}
