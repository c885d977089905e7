/* getty: keeps a login running on every console that the kernel's command line names.
 *
 * One event loop: a console's login is a child; when it ends another one is started, at once the first time and not
 * sooner than a second after the one before it. INSECURE=true in the environment gives a root shell without asking;
 * otherwise busybox's getty and login ask, against /etc/getty.shadow of the machine. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "cmdline.h"
#include "io.h"
#include "log.h"
#include "loop.h"
#include "spawn.h"
#include "str.h"

#define CONSOLES_MAX 8
#define RESPAWN_US   1000000
#define SHADOW_MAX   65536

struct console {
	char tty[16];
	char speed[12];
	const char *term;
	struct getty *getty;
	struct loop_child child;
	struct loop_timer again;
	uint64_t started;
};

struct getty {
	struct loop *loop;
	struct console consoles[CONSOLES_MAX];
	size_t count;
	bool insecure;
};

static void getty_start(struct console *c);

/* --- the command line -------------------------------------------------------------------------- */

static bool getty_serial(const char *tty)
{
	return str_starts(tty, "ttyS") || str_starts(tty, "ttyAMA") || str_starts(tty, "ttyUSB") ||
		str_starts(tty, "hvc");
}

/* console=ttyS0,115200n8: once for each device, and only for devices there are. */
static int add_console(struct getty *g, const char *value)
{
	size_t n = strcspn(value, ", \n"), digits, i;
	struct console *c = &g->consoles[g->count];
	char path[32];
	struct stat st;

	if (n == 0 || n >= sizeof(c->tty) || g->count == CONSOLES_MAX)
		return 0;
	snprintf(path, sizeof(path), "/dev/%.*s", (int)n, value);
	for (i = 0; i < g->count; i++)
		if (str_eq(g->consoles[i].tty, path + 5))
			return 0;
	if (stat(path, &st) < 0 || !S_ISCHR(st.st_mode))
		return 0;
	memcpy(c->tty, path + 5, n + 1);
	value += n + (value[n] == ',');
	digits = strspn(value, "0123456789");
	if (digits == 0 || digits >= sizeof(c->speed)) {
		value = "115200";
		digits = 6;
	}
	memcpy(c->speed, value, digits);
	c->speed[digits] = '\0';
	c->term = getty_serial(c->tty) ? "vt100" : "linux";
	c->getty = g;
	g->count++;
	return 0;
}

static int find_consoles(struct getty *g, struct error *err)
{
	_cleanup_buf_ struct buf text = { 0 };
	_cleanup_strv_ char **words = NULL;
	size_t i;

	if (cmdline_read(&text, err) < 0)
		return -1;
	words = strv_split(buf_text(&text), " \n");
	for (i = 0; words && words[i]; i++)
		if (str_starts(words[i], "console="))
			add_console(g, words[i] + 8);
	return g->count ? 0 : error_set(err, 0, "the kernel's command line names no console that there is");
}

/* --- logins ------------------------------------------------------------------------------------ */

/* The terminal as a shell expects it, whatever the last one made of it. */
static void getty_sane(int tty)
{
	struct termios t;

	if (tcgetattr(tty, &t) < 0)
		return; /* not a terminal to that degree: usable all the same */
	t.c_iflag = BRKINT | ICRNL | IXON;
	t.c_oflag = OPOST | ONLCR;
	t.c_cflag = (t.c_cflag & (CBAUD | CSTOPB | PARENB)) | CS8 | CREAD | HUPCL | CLOCAL;
	t.c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN;
	t.c_cc[VINTR] = 3;
	t.c_cc[VEOF] = 4;
	t.c_cc[VERASE] = 0x7f;
	t.c_cc[VMIN] = 1;
	t.c_cc[VTIME] = 0;
	tcsetattr(tty, TCSANOW, &t);
}

static pid_t start_shell(struct console *c, struct error *err)
{
	_cleanup_free_ char *path = str_format("/dev/%s", c->tty), *term = str_format("TERM=%s", c->term);
	_cleanup_close_ int tty = path ? open(path, O_RDWR | O_NOCTTY | O_CLOEXEC) : -1;
	char *argv[] = { (char *)"-sh", NULL };
	char *env[] = { term,
			(char *)"HOME=/root",
			(char *)"USER=root",
			(char *)"SHELL=/bin/sh",
			(char *)"PATH=/usr/sbin:/usr/bin:/sbin:/bin",
			NULL };
	struct spawn_fd fds[] = { { tty, 0 }, { tty, 1 }, { tty, 2 } };

	if (tty < 0 || !term)
		return error_set(err, errno, "/dev/%s", c->tty);
	getty_sane(tty);
	dprintf(tty, "\r\npith getty: a root shell on %s\r\n", c->tty);
	return spawn(&(struct spawn){ .path = "/bin/sh",
				      .argv = argv,
				      .env = env,
				      .cwd = "/root",
				      .fds = fds,
				      .fd_count = 3,
				      .new_session = true,
				      .controlling_tty = 1 },
		     err);
}

static pid_t start_login(struct console *c, struct error *err)
{
	char *argv[] = { (char *)"getty", (char *)(getty_serial(c->tty) ? "-L" : "-i"),
			 c->speed,        c->tty,
			 (char *)c->term, NULL };

	/* It opens the terminal itself. */
	return spawn(&(struct spawn){ .path = "/usr/bin/busybox", .argv = argv, .new_session = true }, err);
}

static void getty_ended(struct loop_child *child, int status)
{
	struct console *c = child->data;
	uint64_t now = loop_now(), wait = now - c->started < RESPAWN_US ? RESPAWN_US : 0;
	_cleanup_error_ struct error err = { 0 };

	(void)status;
	if (loop_timer_after(c->getty->loop, &c->again, wait, &err) < 0)
		log_error("%s: %s", c->tty, error_text(&err));
}

static void getty_again(struct loop_timer *timer)
{
	getty_start(timer->data);
}

static void getty_start(struct console *c)
{
	_cleanup_error_ struct error err = { 0 };
	pid_t pid = c->getty->insecure ? start_shell(c, &err) : start_login(c, &err);

	c->started = loop_now();
	c->child = (struct loop_child){ .fn = getty_ended, .data = c };
	c->again = (struct loop_timer){ .fn = getty_again, .data = c };
	if (pid > 0 && loop_child_add(c->getty->loop, &c->child, pid, &err) == 0)
		return;
	log_error("%s: %s", c->tty, error_text(&err));
	if (loop_timer_after(c->getty->loop, &c->again, 10 * RESPAWN_US, &err) < 0)
		log_error("%s: %s", c->tty, error_text(&err));
}

/* --- the program ------------------------------------------------------------------------------- */

static int take_shadow(struct error *err)
{
	_cleanup_buf_ struct buf text = { 0 };

	if (access("/hostroot/etc/getty.shadow", F_OK) < 0)
		return 0;
	if (file_read("/hostroot/etc/getty.shadow", SHADOW_MAX, &text, err) < 0)
		return -1;
	/* The file comes from a YAML, where a newline at the end is easily forgotten. */
	if (buf_addstr(&text, "\n") < 0)
		return error_set(err, ENOMEM, "getty.shadow");
	return file_write("/etc/shadow", buf_bytes(&text), text.len, 0600, err);
}

static void getty_terminate(void *data, int signo)
{
	if (signo == SIGTERM || signo == SIGINT || signo == SIGQUIT)
		loop_quit(((struct getty *)data)->loop, 0);
}

static int getty_run(struct getty *g, struct error *err)
{
	const char *insecure = getenv("INSECURE");
	sigset_t set;
	size_t i;

	g->insecure = insecure && str_eq(insecure, "true");
	if (!g->insecure && take_shadow(err) < 0)
		return -1;
	if (find_consoles(g, err) < 0)
		return -1;
	loop_signals_fill(&set);
	g->loop = loop_new(err);
	if (!g->loop || loop_signals(g->loop, &set, getty_terminate, g, err) < 0)
		return -1;
	for (i = 0; i < g->count; i++)
		getty_start(&g->consoles[i]);
	return loop_run(g->loop, err);
}

int main(void)
{
	static struct getty g;
	_cleanup_error_ struct error err = { 0 };
	int status;

	io_fill_standard();
	log_setup("getty", LOG_LEVEL_INFO, false);
	status = getty_run(&g, &err);
	loop_free(g.loop);
	if (status >= 0)
		return status;
	log_error("%s", error_text(&err));
	return 1;
}
