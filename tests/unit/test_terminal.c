/* lib/sys/terminal: what each mode makes of a terminal, and that it is put back. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "str.h"
#include "tap.h"
#include "terminal.h"

static struct termios now(int slave)
{
	struct termios t = { 0 };

	tcgetattr(slave, &t);
	return t;
}

static void test_modes(int slave)
{
	static const struct {
		const char *name;
		enum terminal_mode mode;
		tcflag_t local, output; /* of ICANON, ECHO, ISIG and of OPOST */
	} rows[] = {
		{ "raw", TERMINAL_RAW, 0, 0 },
		{ "raw keys", TERMINAL_RAW_KEYS, 0, OPOST },
		{ "single keys", TERMINAL_SINGLE_KEYS, ISIG, OPOST },
	};
	const struct termios before = now(slave);

	for (size_t i = 0; i < array_len(rows); i++) {
		struct terminal t = { 0 };
		struct termios is;

		ok(terminal_change(&t, rows[i].mode, NULL) == 0 && terminal_change(&t, rows[i].mode, NULL) == 0, "%s",
		   rows[i].name);
		is = now(slave);
		ok((is.c_lflag & (ICANON | ECHO | ISIG)) == rows[i].local && (is.c_oflag & OPOST) == rows[i].output,
		   "what is set then");
		terminal_restore(&t);
		is = now(slave);
		ok(is.c_lflag == before.c_lflag && is.c_oflag == before.c_oflag && is.c_iflag == before.c_iflag,
		   "it is put back");
	}
}

/* A program that ends in the middle. */
static void test_exit(int slave)
{
	const struct termios before = now(slave);
	struct terminal t = { 0 };
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		terminal_change(&t, TERMINAL_RAW, NULL);
		exit(now(slave).c_lflag & ICANON ? 1 : 0);
	}
	waitpid(pid, &status, 0);
	ok(status == 0 && now(slave).c_lflag == before.c_lflag, "a program's end puts it back");
}

int main(void)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY), slave;
	struct winsize size = { .ws_row = 30, .ws_col = 90 };
	struct terminal t = { 0 };
	uint16_t rows = 0, columns = 0;

	if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0)
		return 1;
	slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	ok(slave >= 0 && dup2(slave, STDIN_FILENO) == STDIN_FILENO, "a terminal");
	ioctl(master, TIOCSWINSZ, &size);
	ok(terminal_size(&rows, &columns) && rows == 30 && columns == 90, "its size");
	ok(!terminal_ours(), "it is not this process's");
	test_modes(slave);
	test_exit(slave);
	dup2(open("/dev/null", O_RDWR), STDIN_FILENO);
	ok(terminal_change(&t, TERMINAL_RAW, NULL) < 0, "no terminal");
	terminal_restore(&t);
	return tap_done();
}
