/* Running skopeo: its arguments, its time, its messages. */
#include "process.h"
#include "skopeo_private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>

#include "image_json.h"
#include "progress.h"
#include "spawn.h"
#include "str.h"
#include "toollog.h"

/* A transfer that makes no progress is skopeo's to end; this only keeps a hung one from hanging us for ever. */
enum { OUTPUT_MAX = OCI_JSON_MAX + 4096 };
#define TRANSFER_TIMEOUT_US (3600ULL * 1000000)

/* Starts it and waits, with what it has put into a directory as progress. */
static int skopeo_wait_copy(const struct spawn *s, char *directory, struct error *err)
{
	pid_t pid = spawn(s, err);
	int status;

	if (pid < 0)
		return -1;
	progress_wait(pid, TRANSFER_TIMEOUT_US, progress_directory, directory);
	status = child_reap(pid);
	return status < 0 ? error_set(err, errno, "skopeo") : status;
}

/* What its messages come down to for a user; NULL: none that is known. They end with the cause, behind names that may
 * hold any word: the last match counts. */
static const char *skopeo_cause(const char *reason)
{
	static const struct {
		const char *words, *cause;
	} causes[] = {
		{ "manifest unknown", "the registry has no image of that name and tag" },
		{ "name unknown", "the registry has no image of that name" },
		{ "requested access to the resource is denied",
		  "there is no such image, or only for those who have logged in (`skopeo login`)" },
		{ "unauthorized", "the registry asks for a login (`skopeo login`)" },
		{ "authentication required", "the registry asks for a login (`skopeo login`)" },
		{ "no such host", "the registry's name is not known: no such registry, or no network" },
		{ "server misbehaving", "the registry's name cannot be looked up: is there a network?" },
		{ "Temporary failure in name resolution",
		  "the registry's name cannot be looked up: is there a network?" },
		{ "network is unreachable", "the registry is not reached: there is no network" },
		{ "no route to host", "the registry is not reached: there is no way to it" },
		{ "connection refused", "the registry is not reached: nothing listens there" },
		{ "i/o timeout", "the registry does not answer" },
		{ "no space left on device", "the disk is full" },
	};
	const char *best = NULL, *at = reason;

	for (size_t i = 0; i < array_len(causes); i++) {
		const char *found = strstr(reason, causes[i].words), *next;

		while (found && (next = strstr(found + 1, causes[i].words)))
			found = next;
		if (!found || (best && found < at))
			continue;
		at = found;
		best = causes[i].cause;
	}
	return best;
}

static int skopeo_failed(int status, const char *reason, struct error *err)
{
	const char *cause = reason ? skopeo_cause(reason) : NULL;

	if (cause)
		return error_say(err, 0, "%s (skopeo: %s)", cause, reason);
	return error_say(err, 0, "skopeo failed (%s)%s%s", spawn_status_text(status), reason ? ": " : "",
			 reason ? reason : "");
}

/* Runs skopeo: either to copy into a directory, or for what it prints on standard output, which is appended to *output
 * (both NULL: dropped). Its messages are told when it fails. */
static int skopeo_once(char *const *argv, char *directory, struct buf *output, struct error *err)
{
	_cleanup_close_ int log = toollog_open(err);
	struct spawn_fd fds[] = { { log, 2 } };
	struct spawn s = {
		.path = "skopeo", .argv = argv, .fds = fds, .fd_count = 1, .stdout_only = true, .death_signal = SIGTERM
	};
	_cleanup_free_ char *reason = NULL;
	_cleanup_buf_ struct buf unused = { 0 };
	struct error why = { 0 };
	int status;

	if (log < 0)
		return -1;
	status = directory ? skopeo_wait_copy(&s, directory, &why)
			   : spawn_wait(&s, output ? output : &unused, OUTPUT_MAX, TRANSFER_TIMEOUT_US, &why);
	if (status < 0) {
		if (why.code != ENOENT)
			return error_move(err, &why);
		error_clear(&why);
		return error_say(
			err, 0, "skopeo is not installed (Debian package skopeo): registries are spoken to through it");
	}
	if (status == 0)
		return 0;
	reason = toollog_reason(log);
	return skopeo_failed(status, reason, err);
}

enum registry_place registry_place(const char *reference)
{
	_cleanup_free_ char *host = strndup(reference, strcspn(reference, "/"));
	char *port = host ? strrchr(host, ':') : NULL;
	struct in_addr in;
	uint32_t address;

	if (!host)
		return PLACE_ANYWHERE;
	if (port && !strchr(port, ']'))
		*port = '\0';
	if (strcasecmp(host, "localhost") == 0 || str_eq(host, "[::1]"))
		return PLACE_HERE;
	if (inet_pton(AF_INET, host, &in) != 1)
		return PLACE_ANYWHERE;
	address = ntohl(in.s_addr);
	if (address >> 24 == 127)
		return PLACE_HERE;
	return address >> 24 == 10 || address >> 20 == 0xac1 || address >> 16 == 0xc0a8 ? PLACE_PRIVATE
											: PLACE_ANYWHERE;
}

static const char registry_transport[] = "docker://";
enum { ARGS_MAX = 20 };

/* The option that takes plain HTTP and any certificate for argv[i], a registry's reference. */
static char *insecure_option(char *const *argv, size_t i)
{
	if (str_eq(argv[1], "inspect"))
		return "--tls-verify=false";
	for (i++; argv[i]; i++)
		if (str_starts(argv[i], "dir:") || str_starts(argv[i], registry_transport))
			return "--src-tls-verify=false";
	return "--dest-tls-verify=false";
}

/* The arguments, with TLS not asked for at registries that are at `from` or nearer; whether there is any. */
static bool argv_without_tls(char *const *argv, enum registry_place from, char **out)
{
	bool any = false;
	size_t n = 0;

	for (size_t i = 0; argv[i] && n + 2 < ARGS_MAX; i++) {
		bool registry = str_starts(argv[i], registry_transport);

		if (registry && registry_place(argv[i] + strlen(registry_transport)) >= from) {
			out[n++] = insecure_option(argv, i);
			any = true;
		}
		out[n++] = argv[i];
	}
	out[n] = NULL;
	return any;
}

/* skopeo_once(), with plain HTTP where that is meant. */
int skopeo_run(char *const *argv, char *directory, struct buf *output, struct error *err)
{
	char *near[ARGS_MAX], *private[ARGS_MAX];
	struct error why = { 0 };

	argv_without_tls(argv, PLACE_HERE, near);
	if (skopeo_once(near, directory, output, &why) == 0)
		return 0;
	if (!strstr(error_text(&why), "server gave HTTP response to HTTPS client") ||
	    !argv_without_tls(argv, PLACE_PRIVATE, private))
		return error_move(err, &why);
	error_clear(&why);
	return skopeo_once(private, directory, output, err);
}

/* The manifest or index that a registry has for a reference, as it is. */
int skopeo_fetch_raw(const char *reference, bool plain, struct buf *out, struct error *err)
{
	_cleanup_free_ char *remote = str_format("docker://%s", reference);
	char *const argv[] = { "skopeo", "inspect", "--raw", remote, plain ? "--tls-verify=false" : NULL, NULL };

	if (!remote)
		return error_set(err, ENOMEM, "%s", reference);
	return skopeo_run(argv, NULL, out, err);
}

/* --- to registries --- */
