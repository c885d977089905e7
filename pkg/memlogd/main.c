/* memlogd: keeps in memory what the machine's containers say, for whoever asks. By its other names it starts itself
 * (startmemlogd, an init script NNN-logging), reads the log (logread), and runs a command whose output is logged
 * (logwrite). */
#include <signal.h>
#include <string.h>

#include "io.h"
#include "log.h"
#include "program.h"
#include "programs.h"
#include "str.h"

#define FIELD(name) .field = offsetof(struct memlogd_options, name)

static const struct option options[] = {
	{ "socket-log", .argument = "PATH", .set = option_set_text, FIELD(socket_log),
	  .help = "where writers send their descriptors, /var/run/linuxkit-external-logging.sock" },
	{ "socket-query", .argument = "PATH", .set = option_set_text, FIELD(socket_query),
	  .help = "where readers connect, /var/run/memlogdq.sock" },
	{ "fd-log", .argument = "N", .set = option_set_number, FIELD(fd_log), .max = INT32_MAX,
	  .help = "a socket for writers that is there already, instead" },
	{ "fd-query", .argument = "N", .set = option_set_number, FIELD(fd_query), .max = INT32_MAX,
	  .help = "likewise, for readers" },
	{ "max-lines", .argument = "N", .set = option_set_number, FIELD(lines), .min = 1, .max = INT32_MAX,
	  .help = "lines that are kept, 5000" },
	{ "max-line-len", .argument = "N", .set = option_set_number, FIELD(line_len), .min = 1, .max = STORE_LINE_MAX,
	  .help = "bytes of a line, 1024; the rest is cut off" },
	{ "max-bytes", .argument = "N", .set = option_set_number, FIELD(bytes), .min = 4096, .max = 1 << 30,
	  .help = "bytes of all that is kept, 1048576" },
	{ "max-sources", .argument = "N", .set = option_set_number, FIELD(sources), .min = 1, .max = STORE_SOURCES_MAX,
	  .help = "descriptors that are read at the same time, 1024" },
	{ "daemonize", .set = option_set_switch, FIELD(daemonize),
	  .help = "return when the sockets are there; memlogd runs on, and is started again if it ends" },
	{ "detach", .set = option_set_switch, FIELD(detach),
	  .help = "the same, of startmemlogd, which does so unless told -detach=false" },
	{ "pid-file", .argument = "FILE", .set = option_set_text, FIELD(pid_file), .help = "gets the process id" },
	{ "quiet", .set = option_set_switch, FIELD(quiet), .help = "do not print the entries" },
	{ "bundle", .argument = "DIR", .set = option_set_nothing, .help = "LinuxKit's, without effect" },
	{ "help", 'h', .help = "print this help" },
	{ 0 },
};

static int memlogd_main(const char *name, char **argv, bool start)
{
	const struct program program = {
		.name = name,
		.text = "Keeps in memory what containers write, and gives it to whoever asks.",
		.options = options,
	};
	struct memlogd_options o = { .socket_log = "/var/run/linuxkit-external-logging.sock",
				     .socket_query = "/var/run/memlogdq.sock",
				     .fd_log = NO_FD,
				     .fd_query = NO_FD,
				     .lines = 5000,
				     .line_len = 1024,
				     .bytes = 1 << 20,
				     .sources = 1024,
				     .detach = start };
	_cleanup_error_ struct error err = { 0 };
	int r = program_line(&program, argv, &o);

	if (r >= 0)
		return r;
	r = o.detach || o.daemonize ? start_run(&o, &err) : daemon_run(&o, &err);
	if (r < 0)
		log_error("%s", error_text(&err));
	return r < 0 ? 1 : r;
}

int main(int argc, char **argv)
{
	const char *name = argc > 0 ? strrchr(argv[0], '/') : NULL;

	name = name ? name + 1 : argc > 0 ? argv[0] : "memlogd";
	io_fill_standard();
	signal(SIGPIPE, SIG_IGN);
	log_setup(name, LOG_LEVEL_INFO, false);
	if (str_eq(name, "logread"))
		return logread_main(argv);
	if (str_eq(name, "logwrite"))
		return logwrite_main(argv);
	return memlogd_main(name, argv,
			    str_eq(name, "startmemlogd") ||
				    (str_ends(name, "-logging") && strspn(name, "0123456789") == 3));
}
