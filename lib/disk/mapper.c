#include "mapper.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "cleanup.h"
#include "str.h"

#define CONTROL "/dev/mapper/control"

enum { KEY_MOST = 64, PARAMETERS = 512 };

/* One request: the header, and a target with its parameters where the request has one. */
struct request {
	struct dm_ioctl head;
	struct dm_target_spec target;
	char parameters[PARAMETERS];
};

static int mapper_call(int control, unsigned long what, struct request *r, const char *name)
{
	r->head.version[0] = DM_VERSION_MAJOR;
	r->head.data_size = sizeof(*r);
	r->head.data_start = offsetof(struct request, target);
	snprintf(r->head.name, sizeof(r->head.name), "%s", name);
	return ioctl(control, what, r);
}

/* The node that a kernel without udev does not make here. */
static int control_open(struct error *err)
{
	int fd;

	if (mkdir("/dev/mapper", 0755) < 0 && errno != EEXIST)
		return error_set(err, errno, "/dev/mapper");
	if (mknod(CONTROL, S_IFCHR | 0600, makedev(10, 236)) < 0 && errno != EEXIST)
		return error_set(err, errno, CONTROL);
	fd = open(CONTROL, O_RDWR | O_CLOEXEC);
	return fd < 0 ? error_set(err, errno, CONTROL ": the kernel's device mapper (dm-crypt)") : fd;
}

static int table_fill(struct request *r, const char *device, const char *cipher, const uint8_t *key, size_t key_size,
		      struct error *err)
{
	char hex[2 * KEY_MOST + 1] = "";
	struct stat st;
	int n;

	if (stat(device, &st) < 0 || !S_ISBLK(st.st_mode))
		return error_set(err, ENOTBLK, "%s", device);
	for (size_t i = 0; i < key_size && i < KEY_MOST; i++)
		snprintf(hex + 2 * i, 3, "%02x", key[i]);
	n = snprintf(r->parameters, sizeof(r->parameters), "%s %s 0 %u:%u 0 1 allow_discards", cipher, hex,
		     major(st.st_rdev), minor(st.st_rdev));
	explicit_bzero(hex, sizeof(hex));
	if (n < 0 || (size_t)n >= sizeof(r->parameters))
		return error_set(err, EINVAL, "cipher %s", cipher);
	strcpy(r->target.target_type, "crypt");
	r->head.target_count = 1;
	r->head.flags = DM_SECURE_DATA_FLAG;
	return 0;
}

static int device_sectors(const char *device, uint64_t *sectors, struct error *err)
{
	_cleanup_close_ int fd = drive_open(device, false, err);

	if (fd < 0)
		return -1;
	if (ioctl(fd, BLKGETSIZE64, sectors) < 0)
		return error_set(err, errno, "%s", device);
	*sectors /= 512;
	return 0;
}

static int link_make(const char *name, uint64_t device, char path[DRIVE_PATH], struct error *err)
{
	char target[DRIVE_PATH];

	snprintf(path, DRIVE_PATH, "/dev/mapper/%s", name);
	snprintf(target, sizeof(target), "../dm-%u", minor((dev_t)device));
	unlink(path);
	return symlink(target, path) < 0 ? error_set(err, errno, "%s", path) : 0;
}

static int mapping_start(int control, const char *name, const char *device, uint64_t sectors, const char *cipher,
			 const uint8_t *key, size_t key_size, struct error *err)
{
	struct request load = { 0 }, resume = { 0 };
	int r = table_fill(&load, device, cipher, key, key_size, err);

	load.target.length = sectors;
	if (r == 0 && mapper_call(control, DM_TABLE_LOAD, &load, name) < 0)
		r = error_set(err, errno, "%s: %s with %s", name, device, cipher);
	explicit_bzero(&load, sizeof(load));
	if (r == 0 && mapper_call(control, DM_DEV_SUSPEND, &resume, name) < 0)
		r = error_set(err, errno, "%s: start the mapping", name);
	return r;
}

int mapper_crypt(const char *name, const char *device, uint64_t sectors, const char *cipher, const uint8_t *key,
		 size_t key_size, char path[DRIVE_PATH], struct error *err)
{
	_cleanup_close_ int control = control_open(err);
	struct request made = { 0 };

	if (control < 0 || (sectors == 0 && device_sectors(device, &sectors, err) < 0))
		return -1;
	if (!*name || strchr(name, '/') || strlen(name) > DRIVE_NAME - 1 || key_size > KEY_MOST)
		return error_set(err, EINVAL, "a mapping called %s", name);
	if (mapper_call(control, DM_DEV_CREATE, &made, name) < 0)
		return errno == EBUSY ? error_say(err, EBUSY, "%s: there is such a mapping already", name)
				      : error_set(err, errno, "%s: make the mapping", name);
	if (mapping_start(control, name, device, sectors, cipher, key, key_size, err) < 0 ||
	    link_make(name, made.head.dev, path, err) < 0) {
		mapper_remove(name, NULL);
		return -1;
	}
	return 0;
}

int mapper_remove(const char *name, struct error *err)
{
	_cleanup_close_ int control = control_open(err);
	_cleanup_free_ char *path = str_format("/dev/mapper/%s", name);
	struct request gone = { 0 };

	if (control < 0)
		return -1;
	if (mapper_call(control, DM_DEV_REMOVE, &gone, name) < 0)
		return error_set(err, errno, "%s: take the mapping away", name);
	if (path)
		unlink(path);
	return 0;
}
