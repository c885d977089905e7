#include "terminal.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

static struct terminal *at_exit;

static void restore_at_exit(void)
{
	if (at_exit)
		terminal_restore(at_exit);
}

bool terminal_ours(void)
{
	return isatty(STDIN_FILENO) && tcgetpgrp(STDIN_FILENO) == getpgrp();
}

int terminal_raw(struct terminal *t, struct error *err)
{
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, &raw) < 0)
		return error_set(err, errno, "terminal");
	if (!t->raw)
		t->saved = raw;
	cfmakeraw(&raw);
	if (tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) < 0)
		return error_set(err, errno, "terminal");
	t->raw = true;
	if (!at_exit)
		atexit(restore_at_exit);
	at_exit = t;
	return 0;
}

void terminal_restore(struct terminal *t)
{
	if (t->raw)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &t->saved); /* a terminal that is gone needs nothing */
	t->raw = false;
	if (at_exit == t)
		at_exit = NULL;
}

bool terminal_size(uint16_t *rows, uint16_t *columns)
{
	struct winsize size;

	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) < 0 && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0)
		return false;
	*rows = size.ws_row;
	*columns = size.ws_col;
	return size.ws_row && size.ws_col;
}
