/* The settings that dockerd gets: what the user's daemon.json says, and where that says nothing, what suits this
 * machine.
 *
 * dockerd refuses to start where a setting is both in its file and on its command line, so that all of ours go into the
 * file, and none that the words of the command line name. The sockets are the exception: the user's hosts stay, and
 * the machine's own come beside them, in the file or on the command line, where the user's are. The form of the file is
 * that of dockerd(8), `--config-file`. */
#pragma once

#include "buf.h"
#include "error.h"

#define SETTINGS_SOCKET      "/run/docker.sock"
#define SETTINGS_HOST_SOCKET "/run/dockerd/docker.sock"
#define SETTINGS_CONTAINERD  "/run/containerd/containerd.sock"
#define SETTINGS_PID_FILE    "/run/dockerd/docker.pid"
#define SETTINGS_CGROUP      "/moby" /* as containerd calls Docker's namespace */

/* Appends to out the file that dockerd gets. text: the user's, n bytes; NULL: there is none. words: the options that
 * dockerd is given besides, NULL-terminated. proxy: the program that publishes a port. The error says what is wrong
 * with the text, and at which byte. */
int settings_merge(const char *text, size_t n, char *const *words, const char *proxy, struct buf *out,
		   struct error *err);

/* Appends to argv the words, and the machine's sockets where the words name others. */
int settings_words(char *const *words, char ***argv, struct error *err);
