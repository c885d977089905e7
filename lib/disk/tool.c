#include "tool.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>

#include "spawn.h"
#include "str.h"

enum { SAID_MOST = 1 << 20, LINES = 3 };

int tool_run(char *const *argv, struct buf *said, struct error *err)
{
	_cleanup_buf_ struct buf own = { 0 };
	int status = spawn_wait(&(struct spawn){ .path = argv[0], .argv = argv, .death_signal = 15 },
				said ? said : &own, SAID_MOST, 0, err);

	if (status < 0)
		return -1;
	if (!WIFEXITED(status))
		return error_set(err, 0, "%s: %s", argv[0], spawn_status_text(status));
	return WEXITSTATUS(status);
}

char *tool_last_lines(const char *said)
{
	_cleanup_strv_ char **lines = strv_split(said, "\r\n\b");
	size_t n = strv_len(lines);

	if (!lines)
		return NULL;
	return strv_join(n > LINES ? lines + n - LINES : lines, "; ");
}

int tool_must(char *const *argv, struct error *err)
{
	_cleanup_buf_ struct buf said = { 0 };
	int status = tool_run(argv, &said, err);
	_cleanup_free_ char *last = NULL;

	if (status <= 0)
		return status;
	last = tool_last_lines(buf_text(&said));
	return error_set(err, 0, "%s ended with status %d%s%s", argv[0], status, last && *last ? ": " : "",
			 last ? last : "");
}
