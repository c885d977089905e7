/* iptables, as dockerd calls it. For the ports of the ingress network dockerd starts no proxy but makes a rule, and the
 * rule's port has to be opened on the host all the same: a vpnkit-expose-port is started with the rule and ended with
 * it. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "expose.h"
#include "io.h"
#include "log.h"
#include "spawn.h"
#include "str.h"

#define NATIVE_FILE "/var/config/vpnkit/native-port-forwarding"
#define PID_DIR     "/var/run/service-port-opener"

/* Places that tests put elsewhere. */
static const char *place_find(const char *variable, const char *standard)
{
	const char *value = getenv(variable);

	return value ? value : standard;
}

/* The arguments that such a rule has, in this order; NULL: any. */
static const char *const rule[] = {
	"--wait",  "-t", "nat", NULL,   "DOCKER-INGRESS",   "-p", NULL,
	"--dport", NULL, "-j",  "DNAT", "--to-destination", NULL,
};
enum { RULE_ACTION = 3, RULE_PROTO = 6, RULE_PORT = 8, RULE_TO = 12 };

static bool rule_matches(int argc, char **argv)
{
	size_t i;

	if ((size_t)argc < array_len(rule) + 1)
		return false;
	for (i = 0; i < array_len(rule); i++)
		if (rule[i] && !str_eq(rule[i], argv[i + 1]))
			return false;
	return true;
}

/* Whether iptables alone does it. */
static bool native_wanted(void)
{
	_cleanup_free_ char *line = file_line(place_find("VPNKIT_NATIVE_FILE", NATIVE_FILE), NULL);

	return line && (str_eq(line, "1") || strcasecmp(line, "true") == 0);
}

/* What stands in a file's name is digits, letters, and dots of an address. */
static bool name_plain(const char *s)
{
	return *s && strspn(s, "0123456789abcdefghijklmnopqrstuvwxyz.:") == strlen(s);
}

static int port_open(char **argv, char *ip, char *port, const char *pid_file, struct error *err)
{
	char *words[] = { "vpnkit-expose-port",
			  "-proto",
			  argv[RULE_PROTO + 1],
			  "-container-ip",
			  ip,
			  "-container-port",
			  port,
			  "-host-ip",
			  "0.0.0.0",
			  "-host-port",
			  argv[RULE_PORT + 1],
			  "-i",
			  "-no-local-ip",
			  NULL };
	struct spawn s = { .path = words[0], .argv = words, .new_session = true };
	_cleanup_free_ char *text = NULL;
	pid_t pid = spawn(&s, err);

	if (pid < 0)
		return -1;
	text = str_format("%d", (int)pid);
	if (!text || dir_make(place_find("VPNKIT_PID_DIR", PID_DIR), 0755, err) < 0 ||
	    file_write(pid_file, text, strlen(text), 0644, err) < 0) {
		kill(pid, SIGTERM);
		return error_wrap(err, "the port is not open");
	}
	return 0;
}

static int port_close(const char *pid_file, struct error *err)
{
	_cleanup_free_ char *line = file_line(pid_file, err);
	uint64_t pid;

	if (!line)
		return -1;
	if (str_to_u64(line, INT_MAX, &pid) < 0 || pid < 2)
		return error_set(err, 0, "%s: no process id", pid_file);
	if (kill((pid_t)pid, SIGTERM) < 0 && errno != ESRCH)
		return error_set(err, errno, "end process %d", (int)pid);
	if (unlink(pid_file) < 0)
		return error_set(err, errno, "%s", pid_file);
	return 0;
}

static int rule_follow(char **argv, struct error *err)
{
	_cleanup_free_ char *ip = strdup(argv[RULE_TO + 1]), *pid_file = NULL;
	char *port = ip ? strrchr(ip, ':') : NULL;

	if (!port)
		return error_set(err, 0, "\"%s\" is not IP:PORT", argv[RULE_TO + 1]);
	*port++ = '\0';
	if (!name_plain(argv[RULE_PROTO + 1]) || !name_plain(argv[RULE_PORT + 1]) || !name_plain(ip) ||
	    !name_plain(port))
		return error_set(err, 0, "\"%s\" is no rule of a port", argv[RULE_TO + 1]);
	pid_file = str_format("%s/%s.%s.%s.%s.pid", place_find("VPNKIT_PID_DIR", PID_DIR), argv[RULE_PROTO + 1],
			      argv[RULE_PORT + 1], ip, port);
	if (!pid_file)
		return error_set(err, ENOMEM, "port");
	if (str_eq(argv[RULE_ACTION + 1], "-I"))
		return port_open(argv, ip, port, pid_file, err);
	return str_eq(argv[RULE_ACTION + 1], "-D") ? port_close(pid_file, err) : 0;
}

int wrapper_main(int argc, char **argv)
{
	_cleanup_error_ struct error e = { 0 };
	const char *iptables = place_find("VPNKIT_IPTABLES", "/sbin/iptables");

	/* The rule is made in any case. */
	if (rule_matches(argc, argv) && !native_wanted() && rule_follow(argv, &e) < 0)
		log_warn("%s", error_text(&e));
	signal(SIGPIPE, SIG_DFL);
	argv[0] = (char *)iptables;
	execv(iptables, argv);
	log_error("%s: %s", iptables, strerror(errno));
	return 1;
}
