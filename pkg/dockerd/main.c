/* docker-start: starts dockerd in the machine, as a service.
 *
 * Enters the machine's namespaces, makes what dockerd needs there, writes the settings that it gets, and becomes it:
 * whoever keeps this process alive and stops it does so with dockerd. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "beneath.h"
#include "io.h"
#include "log.h"
#include "machine.h"
#include "program.h"
#include "ready.h"
#include "settings.h"
#include "str.h"

#define SETTINGS_FILE "/run/dockerd/daemon.json"
#define DOCKERD       "/usr/sbin/dockerd"
#define HOST_PROXY    "/usr/bin/vpnkit-expose-port"
#define OWN_PROXY     "/usr/sbin/docker-proxy"

enum { SETTINGS_MOST = 1 << 20, FILES_MOST = 1 << 20 };

struct options {
	const char *config;
	bool ready;
};

static const struct option rows[] = {
	{ .name = "config",
	  .argument = "FILE",
	  .help = "the user's settings, a path of the machine; else /run/config/docker/daemon.json, where\n"
		  "the metadata has it, else /etc/docker/daemon.json",
	  .set = option_set_text,
	  .field = offsetof(struct options, config) },
	{ .name = "ready",
	  .help = "say by the exit status whether dockerd serves",
	  .set = option_set_switch,
	  .field = offsetof(struct options, ready) },
	{ .name = "help", .letter = 'h', .help = "show this help" },
	{ 0 },
};

static const struct program program = {
	.name = "docker-start",
	.words = "[-- OPTION...]",
	.text = "Starts dockerd in the machine, with settings that suit it. OPTIONs are dockerd's.",
	.options = rows,
};

/* The user's settings go into text; *path says where they are from, NULL: there are none. */
static int settings_find(const char *config, struct buf *text, const char **path, struct error *err)
{
	static const char *const places[] = { "/run/config/docker/daemon.json", "/etc/docker/daemon.json" };
	const struct beneath_want want = { .type = S_IFREG, .owner = 0, .follow = true, .not_mode = 022 };

	*path = config;
	if (config)
		return beneath_read(BENEATH_ROOT, config, SETTINGS_MOST, &want, text, err);
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		*path = places[i];
		if (beneath_read(BENEATH_ROOT, places[i], SETTINGS_MOST, &want, text, err) == 0)
			return 0;
		if (err->code != ENOENT && err->code != ENOTDIR)
			return -1;
		error_clear(err);
	}
	*path = NULL;
	return 0;
}

static int settings_make(const char *config, char *const *words, struct error *err)
{
	_cleanup_buf_ struct buf text = { 0 }, out = { 0 };
	static const char *const where[] = {
		[MACHINE_NO_PORTS] = "in this machine",
		[MACHINE_HAS_PORTS] = "on the host",
		[MACHINE_SILENT] = "in this machine, since the host has not answered: `service restart` asks it again",
	};
	enum machine_ports ports = machine_host_ports();
	const char *proxy = ports == MACHINE_HAS_PORTS ? HOST_PROXY : OWN_PROXY, *path;

	if (settings_find(config, &text, &path, err) < 0)
		return -1;
	log_info("%s%s; ports of containers are opened %s", path ? "settings of " : "no settings", path ? path : "",
		 where[ports]);
	if (settings_merge(path ? buf_text(&text) : NULL, text.len, words, proxy, &out, err) < 0)
		return error_wrap(err, "%s", path ? path : "settings");
	return file_write(SETTINGS_FILE, buf_bytes(&out), out.len, 0600, err);
}

static int dockerd_become(char *const *words, struct error *err)
{
	const struct rlimit files = { FILES_MOST, FILES_MOST };
	_cleanup_strv_ char **argv = NULL;

	if (strv_add(&argv, DOCKERD) < 0 || strv_add(&argv, "--config-file=" SETTINGS_FILE) < 0)
		return error_set(err, ENOMEM, "%s", DOCKERD);
	if (settings_words(words, &argv, err) < 0)
		return -1;
	/* a container has as many as dockerd; one that may have fewer runs all the same */
	if (setrlimit(RLIMIT_NOFILE, &files) < 0)
		log_warn("a limit of %d open files: %m", FILES_MOST);
	signal(SIGPIPE, SIG_DFL);
	execv(DOCKERD, argv);
	return error_set(err, errno, "start %s, which pith/docker of the init section has", DOCKERD);
}

static int dockerd_start(const struct options *o, char *const *words, struct error *err)
{
	if (machine_enter(err) < 0 || machine_prepare(err) < 0 || machine_forget_pid(err) < 0 ||
	    settings_make(o->config, words, err) < 0)
		return -1;
	return dockerd_become(words, err);
}

int main(int argc, char **argv)
{
	_cleanup_error_ struct error err = { 0 };
	struct options o = { 0 };
	int r;

	(void)argc;
	io_fill_standard();
	log_setup("docker-start", LOG_LEVEL_INFO, false);
	signal(SIGPIPE, SIG_IGN);
	r = program_line(&program, argv, &o);
	if (r >= 0)
		return r;
	if (o.ready)
		r = ready_ask(SETTINGS_HOST_SOCKET, &err);
	else
		r = dockerd_start(&o, argv + 1, &err);
	if (r < 0)
		log_error("%s", error_text(&err));
	return r < 0;
}
