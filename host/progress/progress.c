/* The line that says how far a long step is.
 *
 * Steps lie in each other: the innermost is painted (self.top). It is painted from inside of what moves on
 * (progress_add, progress_at, progress_moved), no thread and no timer: first after FIRST_US, then every NEXT_US. On a
 * terminal the line is painted over itself; elsewhere a line is written every PLAIN_US. While another program works,
 * progress_wait() measures what it has written. */
#include "progress.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "str.h"

/* Shorter steps are not worth a line. */
#define FIRST_US 200000
/* The eye wants no more. */
#define NEXT_US 100000
/* Between two lines that stay. */
#define PLAIN_US 10000000

static struct {
	struct progress *top;
	bool known, terminal, painted;
	char line[256]; /* as it is painted */
} self;

static uint64_t progress_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* --- text -------------------------------------------------------------------------------------------------------- */

static void size_text(char *out, size_t size, uint64_t bytes)
{
	static const char units[][3] = { "kB", "MB", "GB", "TB" };
	double v = (double)bytes / 1000;
	size_t i = 0;

	for (; v >= 1000 && i < 3; i++)
		v /= 1000;
	snprintf(out, size, i ? "%.1f %s" : "%.0f %s", v, units[i]);
}

void progress_text(char *out, size_t size, unsigned width, const char *what, uint64_t done, uint64_t total)
{
	char figures[64] = "", have[24], all[24];
	size_t room, len;

	size_text(have, sizeof(have), done);
	size_text(all, sizeof(all), total);
	if (total)
		snprintf(figures, sizeof(figures), " %3u%% of %s",
			 (unsigned)(done >= total ? 100 : (double)done * 100 / (double)total), all);
	else if (done)
		snprintf(figures, sizeof(figures), " %s", have);
	if (width >= size)
		width = (unsigned)size - 1;
	len = strlen(figures) < width ? strlen(figures) : 0; /* too narrow for both: the name says more */
	room = width - len;
	snprintf(out, size, "%.*s%.*s", (int)room, what, (int)len, figures);
}

/* --- painting ----------------------------------------------------------------------------------------------------- */

static unsigned progress_columns(void)
{
	struct winsize w;

	return ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col ? w.ws_col : 80;
}

static void progress_put(const char *text)
{
	/* A line that cannot be painted is no loss. */
	if (write(STDERR_FILENO, text, strlen(text)) < 0)
		return;
}

static void progress_wipe(void)
{
	if (self.painted)
		progress_put("\r\033[K");
	self.painted = false;
}

static void find_terminal(void)
{
	const char *term = getenv("TERM");

	self.known = true;
	self.terminal = isatty(STDERR_FILENO) && (!term || strcmp(term, "dumb") != 0);
	log_before(progress_wipe);
}

static void progress_paint(const struct progress *p)
{
	char text[200], line[256];

	/* one column stays free: a cursor behind the last one would wrap */
	progress_text(text, sizeof(text), progress_columns() - 1, p->what, p->done, p->total);
	snprintf(line, sizeof(line), "\r%s\033[K", text);
	if (self.painted && strcmp(line, self.line) == 0)
		return;
	memcpy(self.line, line, sizeof(line));
	progress_put(line);
	self.painted = true;
}

static void progress_tell(struct progress *p)
{
	uint64_t t = progress_now();

	if (self.terminal) {
		if (log_shows(LOG_LEVEL_INFO) && t - p->began >= FIRST_US && t - p->told >= NEXT_US) {
			p->told = t;
			progress_paint(p);
		}
	} else if (t - p->told >= PLAIN_US) {
		char text[200];

		p->told = t;
		progress_text(text, sizeof(text), sizeof(text) - 1, p->what, p->done, p->total);
		log_info("%s", text);
	}
}

/* --- steps -------------------------------------------------------------------------------------------------------- */

void progress_begin(struct progress *p, unsigned flags, uint64_t total, const char *fmt, ...)
{
	char what[sizeof(p->what)];
	va_list ap;

	if (!self.known)
		find_terminal();
	*p = (struct progress){ .flags = flags, .total = total, .outer = self.top, .open = true };
	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	str_escape_to(p->what, sizeof(p->what), what, strlen(what));
	p->began = progress_now();
	p->told = self.terminal ? 0 : p->began;
	self.top = p;
	if ((flags & PROGRESS_ANNOUNCE) && !self.terminal)
		log_info("%s", p->what);
}

void progress_end(struct progress *p)
{
	if (!p->open)
		return;
	p->open = false;
	self.top = p->outer;
	progress_wipe();
}

void progress_add(uint64_t n)
{
	if (!self.top)
		return;
	self.top->done += n;
	progress_tell(self.top);
}

void progress_moved(unsigned flag, uint64_t n)
{
	if (self.top && (self.top->flags & flag))
		progress_add(n);
}

void progress_at(uint64_t done, uint64_t total)
{
	if (!self.top)
		return;
	self.top->done = done;
	if (total)
		self.top->total = total;
	progress_tell(self.top);
}

/* --- waiting ------------------------------------------------------------------------------------------------------ */

void progress_wait(pid_t pid, uint64_t timeout_us, uint64_t (*measure)(void *data), void *data)
{
	struct pollfd p = { .fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN };
	uint64_t began = progress_now();
	int r;

	/* Without one the caller's waitpid waits. */
	while (p.fd >= 0 && (r = poll(&p, 1, 150)) <= 0 && (r == 0 || errno == EINTR)) {
		progress_at(measure(data), 0);
		if (timeout_us && progress_now() - began > timeout_us)
			kill(pid, SIGKILL);
	}
	if (p.fd >= 0)
		close(p.fd);
}

uint64_t progress_directory(void *path)
{
	DIR *d = opendir(path);
	uint64_t sum = 0;
	struct dirent *e;
	struct stat st;

	while (d && (e = readdir(d)))
		if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
			sum += (uint64_t)st.st_size;
	if (d)
		closedir(d);
	return sum;
}

uint64_t progress_file(void *fd)
{
	struct stat st;

	return fstat(*(const int *)fd, &st) == 0 ? (uint64_t)st.st_size : 0;
}
