#include "client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "beneath.h"
#include "boot_wait.h"
#include "io.h"
#include "jsonw.h"
#include "report.h"
#include "str.h"
#include "supervisor.h"

enum {
	ANSWER_MAX = 1 << 20,
	COLUMNS = 16,
	CONNECT_SECONDS = 10,
};

int client_connect(const char *path)
{
	const struct beneath_want want = { .owner = BENEATH_ANY_OWNER };
	const struct timeval patience = { .tv_sec = CONNECT_SECONDS };
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), place = -1;
	_cleanup_error_ struct error err = { 0 };
	struct sockaddr_un address;

	place = beneath_socket(BENEATH_ROOT, path, want, &address, &err);
	if (place < 0) {
		errno = err.code;
		return -1;
	}
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0 ||
	    connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -1;
	return steal_fd(&fd);
}

bool client_supervisor_runs(void)
{
	_cleanup_close_ int fd = client_connect(SUPERVISOR_SOCKET);

	return fd >= 0;
}

static int answer_read(int fd, struct buf *out, struct error *err)
{
	for (;;) {
		uint8_t *p = buf_reserve(out, 4096);
		ssize_t n = p ? read(fd, p, 4096) : -1;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 || out->len > ANSWER_MAX)
			return error_set(err, n < 0 ? errno : E2BIG, "the supervisor's answer");
		if (n == 0)
			return 0;
		buf_commit(out, (size_t)n);
	}
}

/* Services come after the onboot containers. */
static int no_supervisor(int code, struct error *err)
{
	uint64_t us = 0;
	_cleanup_free_ char *step = report_running_find(&us);

	if (step)
		return error_say(err, code, "no supervisor runs yet: the boot waits for %s, which has run for %llu s",
				 step, (unsigned long long)(us / 1000000));
	if (access(SUPERVISOR_SERVICES, F_OK) < 0)
		return error_set(err, 0, "this machine has no services");
	return error_set(err, code, "no supervisor runs (service system-init starts it): %s", SUPERVISOR_SOCKET);
}

/* data: where the descriptor goes, or what was in the way (-errno) */
static bool supervisor_connected(void *data)
{
	int *fd = data;

	*fd = client_connect(SUPERVISOR_SOCKET);
	if (*fd < 0)
		*fd = -errno;
	return *fd >= 0;
}

int client_request(const char *const words[], struct buf *answer, struct error *err)
{
	_cleanup_buf_ struct buf request = { 0 };
	_cleanup_close_ int fd = -1;
	const char *const *w;

	if (!boot_wait(supervisor_connected, &fd, false))
		return no_supervisor(-fd, err);
	for (w = words; *w; w++)
		if (buf_add(&request, *w, strlen(*w) + 1) < 0)
			return error_set(err, ENOMEM, "request");
	if (io_write(fd, request.data, request.len) < 0 || shutdown(fd, SHUT_WR) < 0)
		return error_set(err, errno, "%s", SUPERVISOR_SOCKET);
	if (answer_read(fd, answer, err) < 0)
		return -1;
	if (str_starts(buf_text(answer), "ok\n")) {
		buf_consume(answer, 3);
		return 0;
	}
	if (!str_starts(buf_text(answer), "error: "))
		return error_set(err, EPROTO, "the supervisor's answer");
	return error_set(err, 0, "%.*s", (int)strcspn(buf_text(answer) + 7, "\n"), buf_text(answer) + 7);
}

/* Those that were stopped on purpose are no reason to wait. */
static bool wait_concerns(const char *line)
{
	_cleanup_strv_ char **cells = strv_split(line, " ");

	return cells && cells[0] && cells[1] && !str_eq(cells[1], "stopped");
}

static int wait_for(const char *name, bool started, struct error *err)
{
	const char *const words[] = { started ? "started" : "wait", name, NULL };
	_cleanup_buf_ struct buf answer = { 0 };

	return client_request(words, &answer, err);
}

static bool supervisor_there(void *data)
{
	(void)data;
	return client_supervisor_runs();
}

/* Without services the end of the boot is all there is to wait for. */
static bool boot_ended(void *data)
{
	(void)data;
	return access("/run/pith/boot.json", F_OK) == 0;
}

int client_wait(char **names, bool started, struct error *err)
{
	static const char *const words[] = { "list", NULL };
	_cleanup_buf_ struct buf answer = { 0 };
	_cleanup_strv_ char **lines = NULL;
	size_t i;

	if (!names[0] && access(SUPERVISOR_SERVICES, F_OK) < 0)
		return boot_wait(boot_ended, NULL, true) ? 0 : no_supervisor(ENOENT, err);
	boot_wait(supervisor_there, NULL, !started);
	if (client_request(words, &answer, err) < 0)
		return -1;
	for (i = 0; names[i]; i++)
		if (wait_for(names[i], started, err) < 0)
			return -1;
	lines = strv_split(buf_text(&answer), "\n");
	/* The first line has the columns' names. */
	for (i = 1; !names[0] && lines && lines[0] && lines[i]; i++) {
		if (!wait_concerns(lines[i]))
			continue;
		lines[i][strcspn(lines[i], " ")] = '\0';
		if (wait_for(lines[i], started, err) < 0)
			return -1;
	}
	return lines ? 0 : error_set(err, ENOMEM, "list");
}

int client_table(const char *text, struct error *err)
{
	_cleanup_strv_ char **lines = strv_split(text, "\n");
	size_t width[COLUMNS] = { 0 }, i;
	int pass;
	char **line;

	if (!lines)
		return error_set(err, ENOMEM, "list");
	for (pass = 0; pass < 2; pass++) {
		for (line = lines; *line; line++) {
			_cleanup_strv_ char **cells = strv_split(*line, " ");

			for (i = 0; cells && cells[i] && i < COLUMNS; i++) {
				if (pass == 0 && strlen(cells[i]) > width[i])
					width[i] = strlen(cells[i]);
				else if (pass == 1)
					printf("%-*s%s", cells[i + 1] ? (int)width[i] + 2 : 0, cells[i],
					       cells[i + 1] ? "" : "\n");
			}
		}
	}
	return fflush(stdout) == 0 ? 0 : error_set(err, errno, "standard output");
}

const char *client_oom_word(const char *kills)
{
	return str_eq(kills, "0") ? "" : " (oom)";
}

int client_list(const char *text, struct error *err)
{
	_cleanup_strv_ char **lines = strv_split(text, "\n");
	_cleanup_buf_ struct buf out = { 0 };
	int r = lines ? 0 : -1;

	for (char **line = lines; line && *line; line++) {
		char *kills = strrchr(*line, ' ');

		if (kills)
			*kills++ = '\0';
		/* The word stands under no heading. */
		r |= buf_addf(&out, "%s%s\n", *line, kills && line != lines ? client_oom_word(kills) : "");
	}
	return r < 0 ? error_set(err, ENOMEM, "list") : client_table(buf_text(&out), err);
}

/* A cell as JSON: numbers but for the first two columns, "-" as null. */
static void cell_write(struct jsonw *w, const char *key, size_t column, const char *cell)
{
	uint64_t n;

	if (column < 2)
		jsonw_string(w, key, cell);
	else if (str_to_u64(cell, INT64_MAX, &n) == 0)
		jsonw_uint(w, key, n);
	else
		jsonw_null(w, key);
}

static int line_write(struct jsonw *w, const char *line)
{
	static const char *const keys[] = { "name", "state", "pid", "restarts", "uptime", "exit", "oom_kills" };
	_cleanup_strv_ char **cells = strv_split(line, " ");

	jsonw_object(w, NULL);
	for (size_t i = 0; cells && cells[i] && i < array_len(keys); i++)
		cell_write(w, keys[i], i, cells[i]);
	jsonw_end(w);
	return cells ? 0 : -1;
}

int client_json(const char *text, struct error *err)
{
	_cleanup_strv_ char **lines = strv_split(text, "\n");
	_cleanup_buf_ struct buf out = { 0 };
	struct jsonw w = { .out = &out, .compact = true };
	int r = lines ? 0 : -1;

	jsonw_list(&w, NULL);
	/* The first line has the columns' names. */
	for (char **line = lines && lines[0] ? lines + 1 : NULL; line && *line; line++)
		r |= line_write(&w, *line);
	jsonw_end(&w);
	if (r < 0 || jsonw_done(&w) < 0)
		return error_set(err, ENOMEM, "list");
	return puts(buf_text(&out)) < 0 || fflush(stdout) != 0 ? error_set(err, errno, "standard output") : 0;
}
