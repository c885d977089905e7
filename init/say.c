#include "say.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

static int console = -1;
static bool inherited; /* the console is standard error, which may block */

uint64_t boot_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

void console_take(void)
{
	int fd = inherited ? -1 : open("/dev/console", O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return;
	for (int i = 0; i < 3; i++)
		dup2(fd, i);
	if (fd > 2)
		close(fd);
}

static void console_reopen(void)
{
	if (inherited)
		return;
	if (console >= 0)
		close(console);
	console = open("/dev/console", O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
}

void say_setup(bool machine)
{
	inherited = !machine;
	if (machine && access("/dev/console", F_OK) < 0 && (mkdir("/dev", 0755) == 0 || errno == EEXIST))
		mknod("/dev/console", S_IFCHR | 0600, makedev(5, 1)); /* without it there are no messages yet */
	for (int fd = 0; fd < 3; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			continue;
		/* the lowest number that is free is given; any descriptor will do as a placeholder */
		if (!machine || open("/dev/console", O_RDWR | O_NOCTTY) < 0)
			eventfd(0, 0);
	}
	if (inherited)
		console = STDERR_FILENO;
	console_reopen();
}

const char *number(char *buf, uint64_t n)
{
	char *p = &buf[NUMBER_SIZE - 1];

	*p = '\0';
	do
		*--p = (char)('0' + n % 10);
	while (n /= 10);
	return p;
}

static char *text_put(char *at, const char *end, const char *s)
{
	while (*s && at < end)
		*at++ = *s++;
	return at;
}

/* "[    1.234567] init: " */
static char *put_time(char *at, const char *end)
{
	char digits[NUMBER_SIZE];
	uint64_t now = boot_us();
	const char *seconds = number(digits, now / 1000000);

	at = text_put(at, end, "[");
	for (size_t n = strlen(seconds); n < 5; n++)
		at = text_put(at, end, " ");
	at = text_put(at, end, seconds);
	at = text_put(at, end, ".");
	at = text_put(at, end, number(digits, 1000000 + now % 1000000) + 1); /* the leading 1 keeps the zeros */
	return text_put(at, end, "] init: ");
}

static int line_write(const char *line, size_t n)
{
	struct pollfd p = { .fd = console, .events = POLLOUT };

	while (n > 0) {
		ssize_t r;

		if (inherited && poll(&p, 1, 200) <= 0)
			return -1;
		r = write(console, line, n);
		if (r < 0 && errno == EAGAIN && poll(&p, 1, 200) > 0 && (p.revents & POLLOUT))
			continue;
		if (r < 0)
			return -1;
		line += r;
		n -= (size_t)r;
	}
	return 0;
}

void say_parts(const char *const parts[])
{
	char line[512], *end = line + sizeof(line) - 1, *at = put_time(line, end);
	int saved = errno;

	while (*parts)
		at = text_put(at, end, *parts++);
	*at++ = '\n';
	if (line_write(line, (size_t)(at - line)) < 0 && errno != EAGAIN) {
		console_reopen(); /* hung up, or there was none yet */
		if (line_write(line, (size_t)(at - line)) < 0) {
			/* nobody can be told */
		}
	}
	errno = saved;
}

void say_drain(void)
{
	int left = 0;

	/* Not a terminal: nothing to wait for. */
	for (int i = 0; i < 50 && ioctl(console, TIOCOUTQ, &left) == 0 && left > 0; i++)
		poll(NULL, 0, 10);
}
