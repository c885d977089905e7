#include "console.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* The one terminal that exit(3) puts back. */
static struct console *at_exit;

static void restore_at_exit(void)
{
	if (at_exit)
		console_restore(at_exit);
}

/* A terminal, pipe or device opened again has flags of its own, so that nonblocking writes do not change it for the
 * other processes that have it open. Sockets cannot be opened again: they stay as they are. */
static int reopen(int fd)
{
	char path[32] = "/proc/self/fd/1";
	int again = isatty(fd) || lseek(fd, 0, SEEK_CUR) < 0 ? open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
							     : -1;

	return again >= 0 ? again : fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

void console_open(struct console *c, bool input, bool raw_keys)
{
	*c = (struct console){ .in = -1, .out = reopen(1), .raw_keys = raw_keys };
	if (!input || fcntl(0, F_GETFD) < 0)
		return;
	c->terminal = isatty(0);
	/* Reading from the terminal in the background would stop us. */
	if (!c->terminal || tcgetpgrp(0) == getpgrp())
		c->in = 0;
}

int console_raw(struct console *c, struct error *err)
{
	struct termios t;

	if (!c->terminal || c->in < 0)
		return 0;
	if (tcgetattr(0, &t) < 0)
		return error_set(err, errno, "terminal");
	if (!c->raw)
		c->saved = t;
	cfmakeraw(&t);
	t.c_oflag |= OPOST; /* our own messages end in plain newlines */
	if (tcsetattr(0, TCSADRAIN, &t) < 0)
		return error_set(err, errno, "terminal");
	c->raw = true;
	if (!at_exit)
		atexit(restore_at_exit);
	at_exit = c;
	return 0;
}

void console_restore(struct console *c)
{
	if (c->raw)
		tcsetattr(0, TCSADRAIN, &c->saved); /* a terminal that is gone needs nothing */
	c->raw = false;
	if (at_exit == c)
		at_exit = NULL;
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
