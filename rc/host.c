/* What the machine is to its own programs and to others: clock, loopback, limits, names. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <linux/rtc.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "io.h"
#include "log.h"
#include "rc.h"
#include "str.h"

bool rc_is_machine(void)
{
	struct stat st;

	return stat("/proc/self/ns/pid", &st) == 0 && st.st_ino == 0xEFFFFFFC; /* the kernel's PROC_PID_INIT_INO */
}

/* --- grace periods ------------------------------------------------------------------------------------- */

/* Mounts, namespaces and control groups, of which each container has some, wait in the kernel for grace periods, which
 * take some ticks unless expedited. rcupdate.rcu_normal=1 on the command line takes precedence, in the kernel. */
int rc_rcu(struct rc *rc, struct error *err)
{
	static const char file[] = "/sys/kernel/rcu_expedited";

	(void)rc;
	return access(file, F_OK) < 0 ? 0 : file_poke(file, "1", err); /* without it, there is no other kind */
}

/* --- clock ------------------------------------------------------------------------------------------ */

/* Sets the clock from the hardware's, which runs in UTC. A clock that the kernel has set already is closer to the
 * truth than a clock of whole seconds: it stays when the two are no further apart than that. */
int rc_clock(struct rc *rc, struct error *err)
{
	_cleanup_close_ int fd = open("/dev/rtc0", O_RDONLY | O_CLOEXEC);
	struct rtc_time t;
	struct tm tm;
	time_t hardware, now = time(NULL);

	(void)rc;
	if (fd < 0 || !rc_is_machine())
		return 0; /* not every machine has one */
	if (ioctl(fd, RTC_RD_TIME, &t) < 0)
		return error_set(err, errno, "read the hardware clock");
	tm = (struct tm){ .tm_sec = t.tm_sec,
			  .tm_min = t.tm_min,
			  .tm_hour = t.tm_hour,
			  .tm_mday = t.tm_mday,
			  .tm_mon = t.tm_mon,
			  .tm_year = t.tm_year };
	hardware = timegm(&tm);
	if (hardware >= now - 1 && hardware <= now + 1)
		return 0;
	if (clock_settime(CLOCK_REALTIME, &(struct timespec){ .tv_sec = hardware }) < 0)
		return error_set(err, errno, "set the clock");
	return 0;
}

/* --- network ------------------------------------------------------------------------------------------ */

/* The kernel gives lo its addresses 127.0.0.1/8 and ::1/128 when it goes up. */
int rc_loopback(struct rc *rc, struct error *err)
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq r = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_LOOPBACK | IFF_RUNNING };

	(void)rc;
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &r) < 0)
		return error_set(err, errno, "bring up lo");
	return 0;
}

/* "linuxkit-" and the twelve digits of eth0's address; -1: there is no eth0. */
static int name_from_address(char out[HOST_NAME_MAX + 1])
{
	/* An ioctl would have the kernel call modprobe for a missing link. */
	_cleanup_free_ char *address = file_line("/sys/class/net/eth0/address", NULL);
	char *to = out + sprintf(out, "linuxkit-");

	if (!address || strlen(address) != strlen("00:00:00:00:00:00"))
		return -1;
	for (const char *p = address; *p; p++)
		if (*p != ':')
			*to++ = *p;
	*to = '\0';
	return 0;
}

/* /etc/hostname; where that is missing or empty, and nobody has named the machine yet, the network address. */
int rc_hostname(struct rc *rc, struct error *err)
{
	_cleanup_free_ char *line = file_line("/etc/hostname", NULL);
	char made[HOST_NAME_MAX + 1];
	struct utsname u;
	const char *name = line ? line + strspn(line, " \t") : "";
	size_t n = strcspn(name, " \t\r");

	(void)rc;
	if (n == 0) {
		if (uname(&u) == 0 && u.nodename[0] && !str_eq(u.nodename, "(none)"))
			return 0;
		if (name_from_address(made) < 0)
			return 0;
		name = made;
		n = strlen(made);
	}
	if (sethostname(name, n) < 0)
		return error_set(err, errno, "set the host name");
	return 0;
}

/* /etc/resolv.conf is usually a link into /run, so that a container that gets an address can write it: such a link
 * gets its file. */
int rc_resolv_conf(struct rc *rc, struct error *err)
{
	char target[PATH_MAX], path[PATH_MAX + 8];
	ssize_t n = readlink("/etc/resolv.conf", target, sizeof(target) - 1);
	_cleanup_close_ int fd = -1;

	(void)rc;
	if (n < 0)
		return 0;
	target[n] = '\0';
	snprintf(path, sizeof(path), "%s%s", target[0] == '/' ? "" : "/etc/", target);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0 && errno == ENOENT) {
		char directory[sizeof(path)];

		strcpy(directory, path);
		if (dir_make(dirname(directory), 0755, err) < 0)
			return -1;
		fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	}
	return fd < 0 ? error_set(err, errno, "make %s", path) : 0;
}

/* --- limits --------------------------------------------------------------------------------------------- */

/* As high as wanted, or as one may go. */
static int limit_set(pid_t pid, int resource, rlim_t wanted)
{
	struct rlimit limit = { wanted, wanted };

	if (prlimit(pid, resource, &limit, NULL) == 0)
		return 0;
	if (errno != EPERM || prlimit(pid, resource, NULL, &limit) < 0)
		return -1;
	limit.rlim_cur = limit.rlim_max; /* in a container, or with a lower fs.nr_open */
	return prlimit(pid, resource, &limit, NULL);
}

/* For everything that is started from here, and for what PID 1 starts later. */
int rc_limits(struct rc *rc, struct error *err)
{
	static const struct {
		int resource;
		rlim_t limit;
	} limits[] = {
		{ RLIMIT_NOFILE, 1048576 },
		{ RLIMIT_NPROC, RLIM_INFINITY },
	};

	for (size_t i = 0; i < array_len(limits); i++) {
		if (limit_set(0, limits[i].resource, limits[i].limit) < 0)
			return error_set(err, errno, "set resource limits");
		if (rc->control >= 0 && limit_set(1, limits[i].resource, limits[i].limit) < 0)
			return error_set(err, errno, "set PID 1's resource limits");
	}
	return 0;
}
