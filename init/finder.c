#include "finder.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cleanup.h"
#include "dirent_private.h"
#include "reason.h"
#include "say.h"

enum { WAIT_US = 30 * 1000 * 1000, UEVENT_GROUP = 1, SEEN = 160 };

enum look { LOOK_OTHER, LOOK_FOUND, LOOK_DAMAGED };

static char seen[SEEN]; /* names, for the message */

static enum look device_look(const struct verity *v, const char *path)
{
	/* not both on the stack of PID 1 */
	static uint8_t wanted[VERITY_BLOCK], block[VERITY_BLOCK];
	_cleanup_close_ int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	uint64_t size;

	if (fd < 0 || ioctl(fd, BLKGETSIZE64, &size) < 0 || size / VERITY_BLOCK < verity_total(v->blocks) ||
	    pread(fd, block, sizeof(block), (off_t)(v->blocks * VERITY_BLOCK)) != (ssize_t)sizeof(block) ||
	    !verity_superblock_like(v, block))
		return LOOK_OTHER;
	verity_superblock(v, wanted);
	return memcmp(block, wanted, sizeof(block)) == 0 ? LOOK_FOUND : LOOK_DAMAGED;
}

/* What never is a disk with a root: each of the others is opened. */
static bool name_passed(const char *name)
{
	static const char *const never[] = { "loop", "ram", "zram", "dm-", "sr", "fd", "nbd" };

	for (size_t i = 0; i < sizeof(never) / sizeof(*never); i++)
		if (strncmp(name, never[i], strlen(never[i])) == 0)
			return true;
	return strlen(name) >= DEVICE_PATH - sizeof("/dev/");
}

static void seen_add(const char *name)
{
	if (strlen(seen) + strlen(name) + sizeof(", ") > sizeof(seen))
		return;
	strcat(seen, *seen ? ", " : "");
	strcat(seen, name);
}

static enum look entry_look(const struct verity *v, int dir, const char *name, char *device)
{
	struct stat st;

	if (name_passed(name) || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISBLK(st.st_mode))
		return LOOK_OTHER;
	seen_add(name);
	strcpy(device, "/dev/");
	strcat(device, name);
	return device_look(v, device);
}

static enum look devices_look(const struct verity *v, char *device)
{
	_cleanup_close_ int dir = open("/dev", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char bytes[1024] __attribute__((aligned(8))), damaged[DEVICE_PATH] = "";
	long n;

	seen[0] = '\0';
	while (dir >= 0 && (n = syscall(SYS_getdents64, dir, bytes, sizeof(bytes))) > 0) {
		for (long at = 0; at < n;) {
			struct entry *e = (struct entry *)(bytes + at);
			enum look look = entry_look(v, dir, e->name, device);

			at += e->length;
			if (look == LOOK_FOUND)
				return LOOK_FOUND;
			if (look == LOOK_DAMAGED)
				strcpy(damaged, device);
		}
	}
	strcpy(device, damaged);
	return *damaged ? LOOK_DAMAGED : LOOK_OTHER;
}

/* The kernel's messages of devices that come; -1 with errno. */
static int uevents_open(void)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = UEVENT_GROUP };
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -1;
	return steal_fd(&fd);
}

/* Until there was a message, all of which are taken; false: the time is up. */
static bool uevents_wait(int fd, uint64_t until)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint64_t now = boot_us();
	char message[256];

	if (now >= until || poll(&p, 1, (int)((until - now + 999) / 1000)) == 0)
		return false;
	while (recv(fd, message, sizeof(message), MSG_TRUNC) > 0 || errno == ENOBUFS)
		errno = 0;
	return true;
}

const char *const *finder_find(const struct verity *v, char device[static DEVICE_PATH])
{
	_cleanup_close_ int uevents = uevents_open();
	uint64_t until = boot_us() + WAIT_US;
	enum look look = devices_look(v, device);

	if (look == LOOK_OTHER && uevents >= 0)
		say("waiting for the disk with the root");
	while (look == LOOK_OTHER && uevents >= 0 && uevents_wait(uevents, until))
		look = devices_look(v, device);
	if (look == LOOK_DAMAGED)
		return reason("the root is damaged: the superblock of its hash tree, on ", device);
	if (look == LOOK_OTHER)
		return *seen ? reason("no disk has the root that this machine was built with; there are ", seen)
			     : reason("no disk has the root that this machine was built with; there is none at all");
	return NULL;
}
