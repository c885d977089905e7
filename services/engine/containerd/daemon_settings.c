#include "daemon_settings.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "beneath.h"
#include "buf.h"
#include "io.h"
#include "policy.h"
#include "settings.h"
#include "str.h"

/* A file, or a device such as a console; it may be in a directory that containers write to. */
static int file_open(const char *path, struct error *err)
{
	const struct beneath_want want = { .owner = geteuid(), .only_link = true };
	_cleanup_close_ int fd = beneath_open(BENEATH_ROOT, path, O_WRONLY | O_CREAT | O_APPEND, 0644, &want, err);
	struct stat st;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0 || (!S_ISREG(st.st_mode) && !S_ISCHR(st.st_mode)))
		return error_set(err, 0, "%s: neither a file nor a character device", path);
	/* Opened so as not to wait; containerd's own writes may. */
	if (fcntl(fd, F_SETFL, O_APPEND) < 0)
		return error_set(err, errno, "%s", path);
	return steal_fd(&fd);
}

static int stream_open(const char *to, struct error *err)
{
	int fd;

	if (str_eq(to, "stdout"))
		fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	else if (str_eq(to, "stderr"))
		fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	else if (to[0] == '/')
		return file_open(to, err);
	else
		return error_set(err, 0, "'%s' is none of stdout, stderr, /path", to);
	return fd < 0 ? error_set(err, errno, "%s", to) : fd;
}

static int settings_apply(struct daemon_settings *s, const struct setting *cliopts, const struct setting *out,
			  const struct setting *err_stream, const struct setting *serve, struct error *err)
{
	if (serve->value && (policy_duration(serve->value, &s->serve) < 0 || s->serve == 0))
		return error_set(err, 0, "start_timeout: '%s' is no duration (500ms, 10s, 2m)", serve->value);
	if (out->value && (s->out = stream_open(out->value, err)) < 0)
		return error_wrap(err, "stdout");
	if (err_stream->value && (s->err = stream_open(err_stream->value, err)) < 0)
		return error_wrap(err, "stderr");
	if (cliopts->value && !(s->arguments = strv_split(cliopts->value, " \t\n")))
		return error_set(err, ENOMEM, "cliopts");
	return 0;
}

int daemon_settings_load(struct daemon_settings *s, const char *path, struct error *err)
{
	struct setting found[] = {
		{ .key = "cliopts" }, { .key = "stdout" }, { .key = "stderr" }, { .key = "start_timeout" }
	};
	_cleanup_buf_ struct buf text = { 0 };
	_cleanup_error_ struct error why = { 0 };
	int r = 0;

	if (file_read(path, 65536, &text, &why) < 0) {
		if (why.code != ENOENT)
			return error_move(err, &why);
	} else if (settings_parse(buf_text(&text), text.len, found, array_len(found), err) < 0 ||
		   settings_apply(s, &found[0], &found[1], &found[2], &found[3], err) < 0) {
		r = error_wrap(err, "%s", path);
	}
	for (size_t i = 0; i < array_len(found); i++)
		free(found[i].value);
	return r;
}

void daemon_settings_clear(struct daemon_settings *s)
{
	cleanup_close(&s->out);
	cleanup_close(&s->err);
	strv_free(s->arguments);
	*s = (struct daemon_settings){ .out = -1, .err = -1 };
}
