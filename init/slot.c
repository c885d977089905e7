#include "slot.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cleanup.h"
#include "dirent_private.h"
#include "say.h"
#include "uuid.h"

enum {
	WAIT_US = 30 * 1000 * 1000,
	SUPERBLOCK = 1024,
	UUID_AT = 48,
};

int slot_block_is(const uint8_t block[SLOT_BLOCK], const uint8_t uuid[16])
{
	static const uint8_t magic[4] = { 0xe2, 0xe1, 0xf5, 0xe0 };

	return memcmp(block, magic, sizeof(magic)) == 0 && memcmp(block + UUID_AT, uuid, 16) == 0;
}

static int device_has(const char *path, const uint8_t uuid[16])
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	uint8_t block[SLOT_BLOCK];

	return fd >= 0 && pread(fd, block, sizeof(block), SUPERBLOCK) == (ssize_t)sizeof(block) &&
		slot_block_is(block, uuid);
}

static int devices_look(const uint8_t uuid[16], char device[SLOT_DEVICE])
{
	_cleanup_close_ int dir = open("/dev", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char bytes[4096] __attribute__((aligned(8)));
	long n;

	while (dir >= 0 && (n = syscall(SYS_getdents64, dir, bytes, sizeof(bytes))) > 0) {
		for (long at = 0; at < n;) {
			struct entry *e = (struct entry *)(bytes + at);

			at += e->length;
			if (e->type != DT_BLK || strlen(e->name) >= SLOT_DEVICE - sizeof("/dev/"))
				continue;
			strcpy(device, "/dev/");
			strcat(device, e->name);
			if (device_has(device, uuid))
				return 0;
		}
	}
	return -1;
}

/* Tells of devices that come; without it only those that are there already are looked at. */
static int events_open(void)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -1;
	return steal_fd(&fd);
}

int slot_find(const char *file, char device[SLOT_DEVICE])
{
	_cleanup_close_ int fd = open(file, O_RDONLY | O_CLOEXEC), events = events_open();
	char text[UUID_TEXT + 1] = "", message[4096];
	const uint64_t end = boot_us() + WAIT_US;
	uint8_t uuid[16];

	if (fd < 0 || read(fd, text, sizeof(text) - 1) < UUID_TEXT - 1 || uuid_parse(text, uuid) < 0) {
		errno = EINVAL;
		return -1;
	}
	while (devices_look(uuid, device) < 0) {
		uint64_t now = boot_us();
		struct pollfd p = { .fd = events, .events = POLLIN };

		if (events < 0 || now >= end) {
			text[UUID_TEXT - 1] = '\0';
			say("no disk has the root with the UUID ", text);
			errno = ENODEV;
			return -1;
		}
		poll(&p, 1, (int)((end - now) / 1000) + 1);
		while (read(events, message, sizeof(message)) > 0)
			; /* what it was does not matter */
	}
	return 0;
}
