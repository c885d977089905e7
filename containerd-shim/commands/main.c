/* containerd-shim-pith-v2: a containerd shim (runtime v2) for OCI runtimes.
 *
 * containerd runs it with `start`, from the bundle's directory; it answers with the address of its socket and goes on
 * in the background, serving calls until the last of its containers is deleted. See docs/shim.md. */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "io.h"
#include "log.h"
#include "program.h"
#include "str.h"

struct given {
	struct command command;
	const char *ignored;
	bool version, info;
};

#define TEXT(row_name, called, member, about)                                                                  \
	{                                                                                                      \
		row_name, .argument = called, .set = option_set_text, .field = offsetof(struct given, member), \
			  .help = about                                                                        \
	}
#define SWITCH(row_name, member, about)                                                                    \
	{                                                                                                  \
		row_name, .set = option_set_switch, .field = offsetof(struct given, member), .help = about \
	}

static const struct option options[] = {
	TEXT("namespace", "NAME", command.namespace, "containerd's namespace of the container"),
	TEXT("id", "ID", command.id, "the container"),
	TEXT("address", "SOCKET", command.address, "where containerd listens"),
	TEXT("publish-binary", "PATH", command.publish_binary, "containerd's program, which takes events"),
	TEXT("bundle", "DIR", command.bundle, "the container's bundle, of delete"),
	TEXT("socket", "PATH", ignored, NULL),
	TEXT("debug-socket", "PATH", ignored, NULL),
	SWITCH("debug", command.debug, "say more"),
	SWITCH("v", version, NULL),
	SWITCH("version", version, "print the version"),
	SWITCH("info", info, "print what the shim and its runtime can do, as a message of containerd's"),
	{ "help", 'h', .help = "print this help" },
	{ 0 },
};

static const struct program program = {
	.name = "containerd-shim-pith-v2",
	.words = "start|delete",
	.text = "A containerd shim for OCI runtimes. containerd starts it, in the bundle of a container: with start "
		"it goes on in the background and keeps the container, with delete it takes away what a shim that is "
		"gone "
		"has left.",
	.options = options,
	.misuse = 1,
};

int main(int argc, char **argv)
{
	const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL, *action;
	struct given given = { .command.name = slash ? slash + 1 : argc > 0 ? argv[0] : "containerd-shim-pith-v2" };
	struct command *c = &given.command;
	_cleanup_error_ struct error err = { 0 };
	int r, status;

	io_fill_standard();
	log_setup(c->name, LOG_LEVEL_INFO, false);
	/* containerd's own notification socket, where it was started with one: a runtime that sees it mounts it into
	 * the container. */
	unsetenv("NOTIFY_SOCKET");
	status = program_line(&program, argv, &given);
	if (status >= 0)
		return status;
	action = argv[0] && argv[1] ? argv[1] : "";
	if (given.version) {
		printf("%s:\n  Version:  %s\n", c->name, SHIM_VERSION);
		return 0;
	}
	if (given.info)
		r = command_info(c, &err);
	else if (str_eq(action, "start"))
		r = command_start(c, &err);
	else if (str_eq(action, "delete"))
		r = command_delete(c, &err);
	else
		r = error_set(&err, 0, "containerd starts this program with start, delete, -info or -v");
	if (r < 0)
		log_error("%s", error_text(&err));
	return r < 0 ? 1 : 0;
}
