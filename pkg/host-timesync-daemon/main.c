/* host-timesync-daemon: a connection to its vsock port sets the clock from the hardware clock, which is the host's.
 * Nothing is sent either way; the connection ends when that is done. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <linux/rtc.h>
#include <linux/vm_sockets.h>

#include "confine.h"
#include "io.h"
#include "listener.h"
#include "log.h"
#include "program.h"
#include "str.h"
#include "vsock.h"

#define RTC "/dev/rtc0"

enum { BACKLOG = 16 };

struct timesync {
	struct loop *loop;
	struct listener listener;
	uint64_t cid;
	uint32_t port;
	bool any;
	unsigned refused;
};

/* Seconds since 1970. The device is one program's at a time: it is closed again. */
static int rtc_read(time_t *out, struct error *err)
{
	_cleanup_close_ int fd = open(RTC, O_RDONLY | O_CLOEXEC);
	struct rtc_time t = { 0 };
	struct tm tm;

	if (fd < 0 || ioctl(fd, RTC_RD_TIME, &t) < 0)
		return error_set(err, errno, RTC);
	tm = (struct tm){ .tm_sec = t.tm_sec,
			  .tm_min = t.tm_min,
			  .tm_hour = t.tm_hour,
			  .tm_mday = t.tm_mday,
			  .tm_mon = t.tm_mon,
			  .tm_year = t.tm_year };
	*out = timegm(&tm);
	return *out < 0 ? error_say(err, ERANGE, RTC ": the year %d", t.tm_year + 1900) : 0;
}

/* The hardware clock knows whole seconds: a clock that agrees with it is not made worse. */
static int clock_set(struct error *err)
{
	struct timespec now, new = { 0 };
	time_t rtc = 0;

	if (rtc_read(&rtc, err) < 0)
		return -1;
	clock_gettime(CLOCK_REALTIME, &now);
	if (now.tv_sec == rtc || now.tv_sec == rtc + 1)
		return 0;
	new.tv_sec = rtc;
	if (clock_settime(CLOCK_REALTIME, &new) < 0)
		return error_set(err, errno, "set the clock");
	log_info("the clock was set by %+lld s", (long long)(rtc - now.tv_sec));
	return 0;
}

/* A container has no right to set the clock, and may well have a vsock socket. */
static bool peer_welcome(struct timesync *t, const struct sockaddr *from)
{
	if (t->any || vsock_cid(from) == VMADDR_CID_HOST)
		return true;
	t->refused++;
	if ((t->refused & (t->refused - 1)) == 0)
		log_warn("refused a connection from cid %u (%u so far)", vsock_cid(from), t->refused);
	return false;
}

static void connection_accepted(struct listener *l, int fd, const struct sockaddr *from)
{
	_cleanup_error_ struct error err = { 0 };

	if (peer_welcome(l->data, from) && clock_set(&err) < 0)
		log_error("%s", error_text(&err));
	close(fd);
}

static void on_signal(void *data, int signo)
{
	if (signo == SIGTERM || signo == SIGINT || signo == SIGQUIT)
		loop_quit(data, 0);
}

static int files_confine(struct error *err)
{
	_cleanup_close_ int rtc = open(RTC, O_PATH | O_CLOEXEC);
	const struct confine_dir dirs[] = { { .fd = rtc, .access = CONFINE_READ | CONFINE_IOCTL } };

	if (rtc < 0)
		log_warn("%s: %s", RTC, strerror(errno));
	return confine_files(dirs, rtc < 0 ? 0 : 1, CONFINE_TCP_NONE, err) < 0 ? -1 : 0;
}

static int timesync_run(struct timesync *t, struct error *err)
{
	sigset_t signals;
	int fd;

	t->loop = loop_new(err);
	loop_signals_fill(&signals);
	if (!t->loop || loop_signals(t->loop, &signals, on_signal, t->loop, err) < 0)
		return -1;
	fd = vsock_listen(t->port, SOCK_STREAM, BACKLOG, err);
	t->listener = (struct listener){ .accepted = connection_accepted, .data = t };
	if (fd < 0 || listener_start(&t->listener, t->loop, fd, err) < 0 || files_confine(err) < 0)
		return -1;
	log_info("listening on vsock port %u", t->port);
	return loop_run(t->loop, err);
}

/* Decimal, or as LinuxKit's users write it: 0xf3a4. */
static int port_set(void *data, const struct option *o, const char *value, struct error *err)
{
	struct timesync *t = data;
	char *end;
	unsigned long long port = strtoull(value, &end, 0);

	if (value[0] < '0' || value[0] > '9' || *end || port == 0 || port >= VMADDR_PORT_ANY)
		return error_say(err, 0, "-%s %s: no vsock port", o->name, value);
	t->port = (uint32_t)port;
	return 0;
}

static int from_set(void *data, const struct option *o, const char *value, struct error *err)
{
	struct timesync *t = data;

	t->any = str_eq(value, "any");
	return t->any || str_eq(value, "host") ? 0 : error_say(err, 0, "-%s %s: host, or any", o->name, value);
}

static const struct option options[] = {
	{ "cid", .argument = "CID", .set = option_set_number, .field = offsetof(struct timesync, cid),
	  .max = UINT32_MAX, .help = "LinuxKit's, without effect: each of the machine's addresses is listened on" },
	{ "port", .argument = "PORT", .set = port_set, .help = "the vsock port, 0xf3a4" },
	{ "from", .argument = "WHO", .set = from_set,
	  .help = "who may connect: host, the default, or any, which every container of the machine is" },
	{ "help", 'h', .help = "print this help" },
	{ 0 },
};

static const struct program program = {
	.name = "host-timesync-daemon",
	.text = "Sets the clock from the machine's hardware clock whenever its vsock port is connected to.",
	.options = options,
};

int main(int argc, char **argv)
{
	static struct timesync t = { .port = 0xf3a4 };
	_cleanup_error_ struct error err = { 0 };
	int r;

	(void)argc;
	io_fill_standard();
	signal(SIGPIPE, SIG_IGN);
	log_setup("host-timesync-daemon", LOG_LEVEL_INFO, false);
	r = program_line(&program, argv, &t);
	if (r >= 0)
		return r;
	r = timesync_run(&t, &err);
	if (r < 0)
		log_error("%s", error_text(&err));
	return r < 0 ? 1 : r;
}
