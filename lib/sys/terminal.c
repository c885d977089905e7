#include "terminal.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

static struct terminal *at_exit;

static void terminal_at_exit(void)
{
	if (at_exit)
		terminal_restore(at_exit);
}

bool terminal_ours(void)
{
	return isatty(STDIN_FILENO) && tcgetpgrp(STDIN_FILENO) == getpgrp();
}

static void mode_apply(struct termios *to, enum terminal_mode mode)
{
	if (mode == TERMINAL_SINGLE_KEYS) {
		to->c_lflag &= ~(tcflag_t)(ICANON | ECHO);
		return;
	}
	cfmakeraw(to);
	if (mode == TERMINAL_RAW_KEYS)
		to->c_oflag |= OPOST;
}

int terminal_change(struct terminal *t, enum terminal_mode mode, struct error *err)
{
	struct termios to;

	if (tcgetattr(STDIN_FILENO, &to) < 0)
		return error_set(err, errno, "terminal");
	if (!t->changed)
		t->saved = to;
	mode_apply(&to, mode);
	if (tcsetattr(STDIN_FILENO, TCSADRAIN, &to) < 0)
		return error_set(err, errno, "terminal");
	t->changed = true;
	if (!at_exit)
		atexit(terminal_at_exit);
	at_exit = t;
	return 0;
}

void terminal_restore(struct terminal *t)
{
	if (t->changed)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &t->saved); /* a terminal that is gone needs nothing */
	t->changed = false;
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
