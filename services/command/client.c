#include "client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "beneath.h"
#include "boot_wait.h"
#include "capture.h"
#include "io.h"
#include "jsonw.h"
#include "logfile.h"
#include "memory_line.h"
#include "once_logs.h"
#include "report.h"
#include "str.h"
#include "supervisor.h"

#define MEMLOGD_QUERY "/run/memlogdq.sock"

enum {
	ANSWER_MAX = 1 << 20,
	COLUMNS = 16,
	MEMLOGD_LINE = 65536,
	LOG_MOST = 2 * CAPTURE_FILE_MAX, /* of one file */
	CONNECT_SECONDS = 10,
};

/* -1 with errno. Who does not accept is not waited for without end. */
static int socket_connect(const char *path)
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
	_cleanup_close_ int fd = socket_connect(SUPERVISOR_SOCKET);

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

	*fd = socket_connect(SUPERVISOR_SOCKET);
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
	static const char *const keys[] = { "name", "state", "pid", "restarts", "uptime", "exit" };
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

/* --- logs in files --------------------------------------------------------------------------------------------- */

size_t client_lines_begin(const char *text, size_t len, unsigned long n)
{
	size_t at = len;

	if (n == 0)
		return 0;
	while (at > 0 && !(at < len && text[at - 1] == '\n' && --n == 0))
		at--;
	return at;
}

static int text_write(const char *text, size_t n, struct error *err)
{
	return io_write(STDOUT_FILENO, text, n) < 0 ? error_set(err, errno, "standard output") : 0;
}

/* The end of a file that somebody may have made longer than we do. One that is missing was never turned, or is just
 * being turned. */
static int file_add(const char *dir, const char *name, const char *suffix, struct buf *out, struct error *err)
{
	_cleanup_error_ struct error why = { 0 };
	_cleanup_close_ int fd = logfile_view(dir, name, suffix, &why);
	off_t end = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
	uint8_t *p;
	ssize_t n;

	if (fd < 0)
		return why.code == ENOENT ? 0 : error_move(err, &why);
	if (!(p = buf_reserve(out, LOG_MOST)))
		return error_set(err, ENOMEM, "%s", name);
	n = io_pread(fd, p, LOG_MOST, end > LOG_MOST ? end - LOG_MOST : 0);
	if (n < 0)
		return error_set(err, errno, "%s/%s.log%s", dir, name, suffix);
	buf_commit(out, (size_t)n);
	return 0;
}

/* The older file before the newer. */
static int stream_show(const char *dir, const char *name, unsigned long lines, struct error *err)
{
	_cleanup_buf_ struct buf text = { 0 };
	size_t from;

	if (file_add(dir, name, ".1", &text, err) < 0 || file_add(dir, name, "", &text, err) < 0)
		return -1;
	if (text.len == 0)
		return 0;
	from = client_lines_begin(buf_text(&text), text.len, lines);
	return text_write(buf_text(&text) + from, text.len - from, err);
}

struct follow {
	const char *dir;
	char *name;
	int fd;
};

/* What came since; then on in the new file when it was turned. */
static int follow_show(struct follow *f, struct error *err)
{
	char chunk[16384];
	uint64_t size;
	ssize_t n;
	int next;

	for (;;) {
		/* Looked at first: nothing comes to the old file once there is a new one. */
		bool same = f->fd >= 0 && logfile_is(f->fd, f->dir, f->name, &size);

		/* emptied: what comes begins at its beginning */
		if (same && lseek(f->fd, 0, SEEK_CUR) > (off_t)size)
			lseek(f->fd, 0, SEEK_SET);
		while (f->fd >= 0 && (n = read(f->fd, chunk, sizeof(chunk))) > 0)
			if (text_write(chunk, (size_t)n, err) < 0)
				return -1;
		if (same)
			return 0;
		/* Between two files there is none for a moment. */
		next = logfile_view(f->dir, f->name, "", NULL);
		if (next < 0)
			return 0;
		cleanup_close(&f->fd);
		f->fd = next;
	}
}

static int files_follow(struct follow f[2], struct error *err)
{
	const struct beneath_want want = { .type = S_IFDIR, .owner = BENEATH_ANY_OWNER };
	_cleanup_close_ int dir = beneath_open(BENEATH_ROOT, f[0].dir, O_PATH | O_DIRECTORY, 0, &want, err);
	_cleanup_close_ int watch = inotify_init1(IN_CLOEXEC);
	char events[4096], path[BENEATH_FD_PATH_MAX];
	int i;

	if (dir < 0)
		return -1;
	if (watch < 0 || inotify_add_watch(watch, beneath_fd_path(path, dir), IN_MODIFY | IN_CREATE | IN_MOVED_TO) < 0)
		return error_set(err, errno, "watch %s", f[0].dir);
	for (;;) {
		for (i = 0; i < 2; i++)
			if (follow_show(&f[i], err) < 0)
				return -1;
		if (read(watch, events, sizeof(events)) < 0 && errno != EINTR)
			return error_set(err, errno, "watch %s", f[0].dir);
	}
}

/* One that cannot be read hides the other stream from nobody: it is said at the end. */
static int streams_show(struct follow f[2], unsigned long lines, struct error *err)
{
	_cleanup_error_ struct error bad = { 0 };
	int missing = 0;

	for (int i = 0; i < 2; i++) {
		_cleanup_error_ struct error why = { 0 };

		/* Opened and at its end before the last lines are read: nothing is missed, a line may come twice. */
		f[i].fd = logfile_view(f[i].dir, f[i].name, "", &why);
		if (f[i].fd >= 0)
			lseek(f[i].fd, 0, SEEK_END);
		else if (why.code == ENOENT)
			missing++;
		if (stream_show(f[i].dir, f[i].name, lines, &bad) < 0 && bad.code == EPIPE)
			break;
	}
	if (missing == 2)
		return error_set(err, ENOENT, "no logs of %s: %s/%s.log", f[1].name, f[1].dir, f[1].name);
	return bad.msg ? error_move(err, &bad) : 0;
}

static int files_logs(const char *name, unsigned long lines, bool follow, struct error *err)
{
	_cleanup_free_ char *dir = logfile_dir(SUPERVISOR_LOG_DIR, SUPERVISOR_LOG_RECORD, false);
	struct follow f[2] = { { dir, str_format("%s.out", name), -1 }, { dir, strdup(name), -1 } };
	int r;

	if (!dir || !f[0].name || !f[1].name)
		r = error_set(err, ENOMEM, "%s", name);
	else
		r = streams_show(f, lines, err);
	if (r == 0 && follow)
		r = files_follow(f, err);
	for (int i = 0; i < 2; i++) {
		cleanup_close(&f[i].fd);
		free(f[i].name);
	}
	return r;
}

/* --- logs in memory ----------------------------------------------------------------------------------------------- */

static int memory_logs(int fd, const char *name, unsigned long lines, bool follow, struct error *err)
{
	_cleanup_buf_ struct buf in = { 0 }, out = { 0 };
	const char mode = follow ? 2 : 0;
	size_t from;

	if (io_write(fd, &mode, 1) < 0)
		return error_set(err, errno, MEMLOGD_QUERY);
	for (;;) {
		uint8_t *p = buf_reserve(&in, 4096), *end;
		ssize_t n = p ? read(fd, p, 4096) : -1;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 || in.len > MEMLOGD_LINE)
			return error_set(err, n < 0 ? errno : E2BIG, MEMLOGD_QUERY);
		if (n == 0)
			break;
		buf_commit(&in, (size_t)n);
		while ((end = memchr(buf_bytes(&in), '\n', in.len))) {
			size_t length = (size_t)(end - buf_bytes(&in));

			if (memory_line_parse((char *)buf_bytes(&in), length, name, &out) < 0)
				return error_set(err, ENOMEM, MEMLOGD_QUERY);
			buf_consume(&in, length + 1);
		}
		if (follow && text_write(buf_text(&out), out.len, err) < 0)
			return -1;
		if (follow)
			buf_clear(&out);
	}
	from = client_lines_begin(buf_text(&out), out.len, lines);
	return text_write(buf_text(&out) + from, out.len - from, err);
}

int client_logs(const char *name, unsigned long lines, bool follow, struct error *err)
{
	_cleanup_close_ int memory = -1;

	if (once_logs_named(name))
		return once_logs_show(name, lines, err);
	memory = socket_connect(MEMLOGD_QUERY);
	if (strchr(name, '/'))
		return error_set(err, EINVAL, "service '%s'", name);
	return memory >= 0 ? memory_logs(memory, name, lines, follow, err) : files_logs(name, lines, follow, err);
}
