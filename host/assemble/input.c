/* Reading what `pith build` is given. URLs are fetched with curl. */
#include "input.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "io.h"
#include "node.h"
#include "spawn.h"
#include "str.h"

#define SECOND UINT64_C(1000000)

bool input_is_url(const char *name)
{
	return str_starts(name, "http://") || str_starts(name, "https://");
}

static int read_stdin(struct buf *out, struct error *err)
{
	uint8_t *room = buf_reserve(out, YAML_BYTES + 1);
	ssize_t n;

	if (!room)
		return error_set(err, ENOMEM, "standard input");
	n = io_read(STDIN_FILENO, room, YAML_BYTES + 1);
	if (n < 0)
		return error_set(err, errno, "standard input");
	if (n > YAML_BYTES)
		return error_set(err, EFBIG, "standard input");
	buf_commit(out, (size_t)n);
	return 0;
}

/* curl knows about proxies, certificates and redirections; what was asked for with TLS comes with TLS. */
static int read_url(const char *url, struct buf *out, struct error *err)
{
	_cleanup_free_ char *size = str_format("%d", YAML_BYTES);
	char *const argv[] = { (char *)"curl",
			       (char *)"-fsSL",
			       (char *)"--proto",
			       (char *)"=http,https",
			       (char *)"--proto-redir",
			       (char *)(str_starts(url, "https://") ? "=https" : "=http,https"),
			       (char *)"--max-time",
			       (char *)"60",
			       (char *)"--max-filesize",
			       size,
			       (char *)"--",
			       (char *)url,
			       NULL };
	struct spawn s = { .path = "curl", .argv = argv };
	int status;

	if (!size)
		return error_set(err, ENOMEM, "%s", url);
	status = spawn_wait(&s, out, YAML_BYTES + 1, 70 * SECOND, err);
	if (status < 0)
		return error_wrap(err, "cannot fetch %s", url);
	if (status != 0) {
		_cleanup_free_ char *why = buf_steal_text(out);

		if (why)
			why[strcspn(why, "\n")] = '\0';
		return error_set(err, 0, "cannot fetch %s: %s", url, why && *why ? why : spawn_status_text(status));
	}
	return out->len > YAML_BYTES ? error_set(err, EFBIG, "%s", url) : 0;
}

int input_read(const char *name, struct buf *out, struct error *err)
{
	if (str_eq(name, "-"))
		return read_stdin(out, err);
	if (input_is_url(name))
		return read_url(name, out, err);
	return file_read(name, YAML_BYTES, out, err);
}

char *input_dir(const char *name)
{
	const char *slash = strrchr(name, '/');

	if (str_eq(name, "-") || input_is_url(name))
		return NULL;
	return slash ? strndup(name, slash > name ? (size_t)(slash - name) : 1) : strdup(".");
}
