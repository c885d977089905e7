#include "console.h"

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

/* A terminal, pipe or device opened again has flags of its own, so that nonblocking writes do not change it for the
 * other processes that have it open. Sockets cannot be opened again: they stay as they are. */
static int console_reopen(int fd)
{
	char path[32] = "/proc/self/fd/1";
	int again = isatty(fd) || lseek(fd, 0, SEEK_CUR) < 0 ? open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
							     : -1;

	return again >= 0 ? again : fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

void console_open(struct console *c, bool input, bool raw_keys)
{
	*c = (struct console){ .in = -1, .out = console_reopen(1), .raw_keys = raw_keys };
	if (!input || fcntl(0, F_GETFD) < 0)
		return;
	c->terminal = isatty(0);
	if (!c->terminal || terminal_ours())
		c->in = 0;
}

int console_raw(struct console *c, struct error *err)
{
	/* Our own messages end in plain newlines. */
	return c->terminal && c->in >= 0 ? terminal_change(&c->keys, TERMINAL_RAW_KEYS, err) : 0;
}

void console_restore(struct console *c)
{
	terminal_restore(&c->keys);
}

void console_close(struct console *c)
{
	console_restore(c);
	if (c->out >= 0)
		close(c->out);
	c->out = -1;
}

size_t console_keys(struct console *c, uint8_t *bytes, size_t n, enum console_key *key)
{
	size_t i, left = 0;

	*key = CONSOLE_NONE;
	if (!c->terminal)
		return n;
	for (i = 0; i < n; i++) {
		uint8_t b = bytes[i];

		if (c->prefix) {
			c->prefix = false;
			if (b == 'x' || b == 'X')
				*key = CONSOLE_STOP;
			else if (b == 'c' || b == 'C')
				bytes[left++] = CTRL('c');
			else
				bytes[left++] = b; /* Ctrl-A among them */
		} else if (b == CTRL('a')) {
			c->prefix = true;
		} else if (b == CTRL('c') && !c->raw_keys) {
			*key = CONSOLE_POWER_DOWN;
		} else {
			bytes[left++] = b;
		}
	}
	return left;
}
