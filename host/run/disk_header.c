#include "disk_header.h"

#include <string.h>

#include "str.h"

enum {
	QCOW2_V2_HEADER = 72,
	EXTENSION_END = 0,
	EXTENSION_BACKING_FORMAT = 0xe2792aca,
	FEATURE_DATA_FILE = 1 << 2, /* of the incompatible ones */
};

static uint32_t be32_read(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | (uint32_t)p[3];
}

static uint64_t be64_read(const uint8_t *p)
{
	return (uint64_t)be32_read(p) << 32 | be32_read(p + 4);
}

/* A text of the image; one that is longer than there is room for, or beyond the bytes, is shown as far as it goes. */
static void text_take(char *out, size_t room, const uint8_t *head, size_t n, uint64_t at, uint64_t len)
{
	size_t left = at < n ? n - (size_t)at : 0;

	if (len < left)
		left = (size_t)len;
	if (left > room - 1)
		left = room - 1;
	memcpy(out, head + (left ? at : 0), left);
	out[left] = '\0';
}

static void qcow2_extensions(const uint8_t *head, size_t n, uint64_t at, struct disk_header *out)
{
	while (at + 8 <= n) {
		uint32_t type = be32_read(head + at), len = be32_read(head + at + 4);

		if (type == EXTENSION_END)
			return;
		at += 8;
		if (type == EXTENSION_BACKING_FORMAT && at + len <= n)
			text_take(out->backing_format, sizeof(out->backing_format), head, n, at, len);
		at += ((uint64_t)len + 7) / 8 * 8;
	}
}

/* Version 1 is the older format qcow, whose header begins the same. */
static void qcow_parse(const uint8_t *head, size_t n, struct disk_header *out)
{
	uint32_t version = n >= 8 ? be32_read(head + 4) : 0;
	uint64_t backing = n >= 20 ? be64_read(head + 8) : 0;

	out->format = version == 1 ? "qcow" : "qcow2";
	out->size = n >= 32 ? be64_read(head + 24) : 0;
	if (backing) {
		text_take(out->backing, sizeof(out->backing), head, n, backing, be32_read(head + 16));
		if (!out->backing[0])
			strcpy(out->backing, "?"); /* named, beyond what was looked at */
	}
	if (version >= 3 && n >= 104) {
		out->data_file = be64_read(head + QCOW2_V2_HEADER) & FEATURE_DATA_FILE;
		qcow2_extensions(head, n, be32_read(head + 100), out);
	} else if (version == 2) {
		qcow2_extensions(head, n, QCOW2_V2_HEADER, out);
	}
	out->names_files = out->backing[0] || out->data_file;
}

enum { VHD_TYPE = 60, VHD_FIXED = 2, VHD_DYNAMIC = 3 };

bool disk_footer_is_fixed_vhd(const uint8_t footer[DISK_FOOTER])
{
	return memcmp(footer, "conectix", 8) == 0 && be32_read(footer + VHD_TYPE) == VHD_FIXED;
}

/* A disk of differences has its parent's name. */
static bool vhd_names_files(const uint8_t *head, size_t n)
{
	return n < DISK_FOOTER || be32_read(head + VHD_TYPE) != VHD_DYNAMIC;
}

/* One without a capacity of its own is nothing but a descriptor, which names files; else a descriptor behind the header
 * may name a parent. */
static bool vmdk_names_files(const uint8_t *head, size_t n)
{
	enum { CAPACITY = 12, DESCRIPTOR = 512, DESCRIPTOR_SIZE = 20 * 512 };
	static const char parent[] = "parentFileNameHint";

	return n < DESCRIPTOR + DESCRIPTOR_SIZE || be64_read(head + CAPACITY) == 0 ||
		memmem(head + DESCRIPTOR, DESCRIPTOR_SIZE, parent, sizeof(parent) - 1);
}

void disk_header_parse(const uint8_t *head, size_t n, struct disk_header *out)
{
	static const struct {
		const char *magic;
		unsigned at, len;
		const char *format;
		bool names_files;
	} known[] = {
		{ "QFI\xfb", 0, 4, "qcow2", false },
		{ "QED", 0, 4, "qed", true },
		{ "KDMV", 0, 4, "vmdk", true },
		{ "COWD", 0, 4, "vmdk", true },
		{ "# Disk DescriptorFile", 0, 21, "vmdk", true },
		{ "vhdxfile", 0, 8, "vhdx", true },
		{ "conectix", 0, 8, "vpc", true },
		{ "\x7f\x10\xda\xbe", 0x40, 4, "vdi", false },
	};

	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < array_len(known); i++) {
		if (known[i].at + known[i].len > n || memcmp(head + known[i].at, known[i].magic, known[i].len) != 0)
			continue;
		out->format = known[i].format;
		out->names_files = known[i].names_files;
		if (i == 0)
			qcow_parse(head, n, out);
		else if (str_eq(known[i].magic, "KDMV"))
			out->names_files = vmdk_names_files(head, n);
		else if (str_eq(known[i].format, "vpc"))
			out->names_files = vhd_names_files(head, n);
		return;
	}
}

const char *disk_name_format(const char *path)
{
	static const char *const names[][2] = {
		{ ".qcow2", "qcow2" }, { ".qcow", "qcow" }, { ".vmdk", "vmdk" }, { ".vhdx", "vhdx" },
		{ ".vhd", "vpc" },     { ".vdi", "vdi" },   { ".qed", "qed" },
	};

	for (size_t i = 0; i < array_len(names); i++)
		if (str_ends(path, names[i][0]))
			return names[i][1];
	return NULL;
}
