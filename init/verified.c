#include "verified.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "check.h"
#include "cleanup.h"
#include "cmdline.h"
#include "finder.h"
#include "image.h"
#include "reason.h"

enum { PARAMETERS = 512 };

static char device[DEVICE_PATH]; /* what the image lies on; in reasons, too */

enum verified verified_wanted(struct verity *v)
{
	char text[VERITY_TEXT];

	if (!cmdline_has(VERITY_WORD))
		return VERIFIED_NOT;
	/* one that is too long is wrong as well: never is it none */
	return cmdline_value(VERITY_WORD, text, sizeof(text)) && verity_parse(text, v) ? VERIFIED_WANTED
										       : VERIFIED_WRONG;
}

/* --- the mapping: linux/dm-ioctl.h ------------------------------------------------------------------------------- */

/* A request: its header, and a target with its parameters where it has one. */
struct request {
	struct dm_ioctl head;
	struct dm_target_spec target;
	char parameters[PARAMETERS];
};

static int mapper_call(int control, unsigned long what, struct request *r)
{
	r->head.version[0] = DM_VERSION_MAJOR;
	r->head.data_size = sizeof(*r);
	r->head.data_start = offsetof(struct request, target);
	strcpy(r->head.name, "root");
	return ioctl(control, what, r);
}

static void word_add(char *line, const char *word)
{
	if (*line)
		strcat(line, " ");
	strcat(line, word);
}

static void number_add(char *line, uint64_t n)
{
	char digits[NUMBER_SIZE];

	word_add(line, number(digits, n));
}

static void hex_add(char *line, const uint8_t *bytes)
{
	char digits[2 * VERITY_DIGEST + 1];

	verity_hex(digits, bytes, VERITY_DIGEST);
	word_add(line, digits);
}

/* "1 DATA HASHES 4096 4096 BLOCKS HASH-START sha256 ROOT SALT [1 WORD]", data and hashes on one device. on_damage NULL:
 * a read fails. */
static void table_fill(struct request *r, const struct verity *v, dev_t dev, const char *on_damage)
{
	char digits[NUMBER_SIZE], place[2 * NUMBER_SIZE];

	strcpy(place, number(digits, major(dev)));
	strcat(place, ":");
	strcat(place, number(digits, minor(dev)));
	word_add(r->parameters, "1");
	word_add(r->parameters, place);
	word_add(r->parameters, place);
	number_add(r->parameters, VERITY_BLOCK);
	number_add(r->parameters, VERITY_BLOCK);
	number_add(r->parameters, v->blocks);
	number_add(r->parameters, v->blocks + 1);
	word_add(r->parameters, "sha256");
	hex_add(r->parameters, v->root);
	hex_add(r->parameters, v->salt);
	if (on_damage) {
		word_add(r->parameters, "1");
		word_add(r->parameters, on_damage);
	}
	strcpy(r->target.target_type, "verity");
	r->target.length = v->blocks * (VERITY_BLOCK / 512);
	r->head.target_count = 1;
	r->head.flags = DM_READONLY_FLAG;
}

/* Gives the mapping a table, the first or another one. */
static const char *const *mapping_set(int control, const struct verity *v, const char *on_damage)
{
	struct request load = { 0 }, resume = { 0 };
	struct stat st;

	if (stat(device, &st) < 0)
		return reason_errno("look at ", device);
	table_fill(&load, v, st.st_rdev, on_damage);
	if (mapper_call(control, DM_TABLE_LOAD, &load) < 0)
		return reason("cannot have the root checked: ", strerror(errno),
			      " (the kernel needs CONFIG_DM_VERITY and SHA-256)");
	if (mapper_call(control, DM_DEV_SUSPEND, &resume) < 0)
		return reason_errno("start the mapping of ", device);
	return NULL;
}

/* What happens at a block that is not what was built: a machine that is to start anew does so (main.c). */
static const char *damage_word(void)
{
	char text[16];

	if (cmdline_value("pith.failure", text, sizeof(text)) && strcmp(text, "reboot") == 0)
		return "restart_on_corruption";
	return "panic_on_corruption";
}

static bool check_wanted(void)
{
	char text[16];

	return !cmdline_value(VERITY_CHECK, text, sizeof(text)) || strcmp(text, "read") != 0;
}

/* The mapping's node; NULL, or why there is none. */
static const char *const *mapping_make(const struct verity *v, char node[static DEVICE_PATH])
{
	_cleanup_close_ int control = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
	struct request made = { 0 };
	const char *const *why;
	char digits[NUMBER_SIZE];

	if (control < 0)
		return reason("cannot have the root checked: the kernel has no device mapper (CONFIG_BLK_DEV_DM)");
	made.head.flags = DM_READONLY_FLAG;
	if (mapper_call(control, DM_DEV_CREATE, &made) < 0)
		return reason_errno("make a mapping of ", device);
	strcpy(node, "/dev/dm-");
	strcat(node, number(digits, minor((dev_t)made.head.dev)));
	if (!check_wanted())
		return mapping_set(control, v, damage_word());
	why = mapping_set(control, v, NULL);
	if (!why)
		why = check_all(node, v->blocks);
	return why ? why : mapping_set(control, v, damage_word());
}

/* --- the whole --------------------------------------------------------------------------------------------------- */

/* Of a file; a disk's was compared when it was found. */
static const char *const *superblock_check(const struct verity *v, const char *image)
{
	static uint8_t wanted[VERITY_BLOCK], block[VERITY_BLOCK];
	_cleanup_close_ int fd = open(image, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return reason_errno("open ", image);
	if (st.st_size != (off_t)(verity_total(v->blocks) * VERITY_BLOCK))
		return reason("the root is damaged: ", image, " is not as long as it was built");
	verity_superblock(v, wanted);
	if (pread(fd, block, sizeof(block), (off_t)(v->blocks * VERITY_BLOCK)) != (ssize_t)sizeof(block) ||
	    memcmp(block, wanted, sizeof(block)) != 0)
		return reason("the root is damaged: the superblock of its hash tree, in ", image);
	return NULL;
}

static const char *const *mapped_mount(const struct verity *v, const char *type, int *mount)
{
	char node[DEVICE_PATH];
	const char *const *why = mapping_make(v, node);

	if (why)
		return why;
	*mount = detached_mount(type ? type : "erofs", node, "ro");
	if (*mount < 0 && !type)
		*mount = detached_mount("squashfs", node, "ro");
	return *mount < 0 ? reason_errno("mount the root on ", device) : NULL;
}

const char *const *verified_mount(const struct verity *v, const char *type, const char *image, int *mount)
{
	_cleanup_close_ int loop = -1;
	const char *const *why = image ? superblock_check(v, image) : NULL;

	if (why)
		return why;
	if (!devices_enter())
		return reason_errno("see devices in ", "/dev");
	if (image) {
		loop = loop_attach(image, device);
		why = loop < 0 ? reason_errno("put a loop device on ", image) : NULL;
	} else {
		why = finder_find(v, device);
	}
	if (!why)
		why = mapped_mount(v, type, mount);
	devices_leave();
	return why;
}
