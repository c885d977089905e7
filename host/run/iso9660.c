#include "iso9660.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define SECTOR 2048u

/* Sectors 0 to 15 are left to boot loaders. */
enum { VOLUME = 16, VOLUME_END, PATHS_LITTLE, PATHS_BIG, ROOT, DATA };
enum { RECORD_FIXED = 33, DIRECTORY = 2, PATHS_SIZE = 10 };
enum { MODE_DIRECTORY = 040555, MODE_FILE = 0100444 };

static void little32_put(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
	p[2] = (uint8_t)(v >> 16);
	p[3] = (uint8_t)(v >> 24);
}

static void big32_put(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

/* Numbers are there twice, in either byte order (7.2.3, 7.3.3). */
static void both32_put(uint8_t *p, uint32_t v)
{
	little32_put(p, v);
	big32_put(p + 4, v);
}

static void both16_put(uint8_t *p, uint16_t v)
{
	p[0] = p[3] = (uint8_t)v;
	p[1] = p[2] = (uint8_t)(v >> 8);
}

/* --- directory records (9.1) ------------------------------------------------------------------------------ */

struct record {
	const char *id; /* "\0": the directory itself, "\1": its parent */
	size_t id_len;
	const char *name; /* Rock Ridge's; NULL: none */
	uint32_t sector, size, mode, links;
	bool first; /* of the root directory: says that Rock Ridge is in use */
};

static uint8_t *entry_put(uint8_t *p, const char *signature, size_t size)
{
	memcpy(p, signature, 2);
	p[2] = (uint8_t)size;
	p[3] = 1; /* version */
	return p + size;
}

/* The entries of the system use area; returns its end. */
static uint8_t *rock_ridge(uint8_t *p, const struct record *r)
{
	static const char extension[] = "RRIP_1991A";
	uint8_t *at = p;

	if (r->first) {
		p = entry_put(at, "SP", 7);
		at[4] = 0xbe;
		at[5] = 0xef;
		at = p;
	}
	p = entry_put(at, "PX", 36);
	both32_put(at + 4, r->mode);
	both32_put(at + 12, r->links); /* owner and group are root */
	if (r->name) {
		at = p;
		p = entry_put(at, "NM", 5 + strlen(r->name));
		memcpy(at + 5, r->name, strlen(r->name));
	}
	if (r->first) {
		at = p;
		p = entry_put(at, "ER", 8 + strlen(extension));
		at[4] = (uint8_t)strlen(extension);
		at[7] = 1;
		memcpy(at + 8, extension, strlen(extension));
	}
	return p;
}

/* Returns the record's end. system_use false: without Rock Ridge, as the volume descriptor holds the root's. */
static uint8_t *record_put(uint8_t *p, const struct record *r, bool system_use)
{
	uint8_t *end = p + RECORD_FIXED + r->id_len + (r->id_len % 2 == 0);

	both32_put(p + 2, r->sector);
	both32_put(p + 10, r->size);
	p[18] = 70; /* 1970-01-01 */
	p[19] = p[20] = 1;
	p[25] = r->mode == MODE_DIRECTORY ? DIRECTORY : 0;
	both16_put(p + 28, 1);
	p[32] = (uint8_t)r->id_len;
	memcpy(p + RECORD_FIXED, r->id, r->id_len);
	if (system_use)
		end = rock_ridge(end, r);
	end += (end - p) % 2;
	p[0] = (uint8_t)(end - p);
	return end;
}

static void root_directory(uint8_t *p, const struct record *root, const char *name, size_t n)
{
	char id[ISO9660_NAME_MAX + 4] = "";
	size_t i;

	for (i = 0; name[i]; i++)
		id[i] = (char)toupper((unsigned char)name[i]);
	memcpy(id + i, ".;1", 3);
	p = record_put(p, root, true);
	p = record_put(p, &(struct record){ "\1", 1, NULL, ROOT, SECTOR, MODE_DIRECTORY, 2, false }, true);
	record_put(p, &(struct record){ id, i + 3, name, DATA, (uint32_t)n, MODE_FILE, 1, false }, true);
}

/* --- descriptors (8.4) and path tables (9.4) ---------------------------------------------------------------- */

static void descriptor_put(uint8_t *p, uint8_t type)
{
	p[0] = type;
	memcpy(p + 1, "CD001", 5);
	p[6] = 1;
}

static void primary_put(uint8_t *p, const char *volume, const struct record *root, uint32_t sectors)
{
	size_t i;

	descriptor_put(p, 1);
	memset(p + 8, ' ', 64); /* system and volume */
	memcpy(p + 40, volume, strnlen(volume, 32));
	both32_put(p + 80, sectors);
	both16_put(p + 120, 1);
	both16_put(p + 124, 1);
	both16_put(p + 128, SECTOR);
	both32_put(p + 132, PATHS_SIZE);
	little32_put(p + 140, PATHS_LITTLE);
	big32_put(p + 148, PATHS_BIG);
	record_put(p + 156, root, false);
	memset(p + 190, ' ', 813 - 190); /* who made it, and files about it: nobody, none */
	for (i = 0; i < 4; i++) {        /* times: not specified */
		memset(p + 813 + i * 17, '0', 16);
		p[813 + i * 17 + 16] = 0;
	}
	p[881] = 1;
}

static void path_tables(uint8_t *image)
{
	uint8_t *little = image + PATHS_LITTLE * SECTOR, *big = image + PATHS_BIG * SECTOR;

	little[0] = big[0] = 1;
	little32_put(little + 2, ROOT);
	big32_put(big + 2, ROOT);
	little[6] = big[7] = 1; /* the root is its own parent */
}

int iso9660_make(const char *volume, const char *name, const void *data, size_t n, struct buf *image, struct error *err)
{
	const struct record root = { "\0", 1, NULL, ROOT, SECTOR, MODE_DIRECTORY, 2, true };
	size_t i, size = DATA * SECTOR + (n + SECTOR - 1) / SECTOR * SECTOR;
	uint8_t *p;

	for (i = 0; name[i]; i++)
		if (i >= ISO9660_NAME_MAX || !islower((unsigned char)name[i]))
			return error_set(err, EINVAL, "name of a file in an ISO image: %s", name);
	if (n > UINT32_MAX - DATA * SECTOR - SECTOR)
		return error_set(err, EFBIG, "%s in an ISO image", name);
	p = buf_reserve(image, size);
	if (!p)
		return error_set(err, ENOMEM, "ISO image");
	memset(p, 0, size);
	primary_put(p + VOLUME * SECTOR, volume, &root, (uint32_t)(size / SECTOR));
	descriptor_put(p + VOLUME_END * SECTOR, 255);
	path_tables(p);
	root_directory(p + ROOT * SECTOR, &root, name, n);
	if (n)
		memcpy(p + DATA * SECTOR, data, n);
	buf_commit(image, size);
	return 0;
}
