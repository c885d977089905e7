#include "metadata.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdio.h>

#include "buf.h"
#include "commands.h"
#include "io.h"
#include "log.h"
#include "str.h"

static la_ssize_t collect(struct archive *a, void *data, const void *bytes, size_t n)
{
	if (buf_add(data, bytes, n) < 0) {
		archive_set_error(a, ENOMEM, "no memory");
		return -1;
	}
	return (la_ssize_t)n;
}

static int make(struct archive *a, struct archive_entry *e, const void *data, size_t n, struct buf *image)
{
	if (archive_write_set_format_iso9660(a) != ARCHIVE_OK || archive_write_add_filter_none(a) != ARCHIVE_OK ||
	    archive_write_set_options(a, "iso9660:volume-id=CONFIG") != ARCHIVE_OK ||
	    archive_write_open(a, image, NULL, collect, NULL) != ARCHIVE_OK)
		return -1;
	archive_entry_set_pathname(e, "config");
	archive_entry_set_filetype(e, AE_IFREG);
	archive_entry_set_perm(e, 0644);
	archive_entry_set_size(e, (la_int64_t)n);
	archive_entry_set_mtime(e, 0, 0);
	if (archive_write_header(a, e) != ARCHIVE_OK || archive_write_data(a, data, n) != (la_ssize_t)n)
		return -1;
	return archive_write_close(a) == ARCHIVE_OK ? 0 : -1;
}

/* The writer puts the time of day into the volume descriptors (ECMA-119, 8.4.26 to 8.4.29); "not specified" is sixteen
 * digits zero and a zero byte. Primary and Joliet descriptors are in the sectors from 16 on. */
static void forget_times(struct buf *image)
{
	size_t at, i;

	for (at = 16 * 2048; at + 2048 <= image->len; at += 2048) {
		uint8_t *d = buf_bytes(image) + at;

		if (memcmp(d + 1, "CD001", 5) != 0 || d[0] == 255)
			return;
		for (i = 0; i < 4 && (d[0] == 1 || d[0] == 2); i++) {
			memset(d + 813 + i * 17, '0', 16);
			d[813 + i * 17 + 16] = 0;
		}
	}
}

int metadata_write(const char *path, const void *data, size_t n, struct error *err)
{
	_cleanup_(buf_free) struct buf image = { 0 };
	struct archive *a = archive_write_new();
	struct archive_entry *e = archive_entry_new();
	int r = a && e ? make(a, e, data, n, &image) : -1;

	if (r < 0)
		error_set(err, 0, "metadata image %s: %s", path,
			  a && archive_error_string(a) ? archive_error_string(a) : "no memory");
	archive_entry_free(e);
	archive_write_free(a);
	if (r < 0)
		return -1;
	forget_times(&image);
	return file_write(path, buf_bytes(&image), image.len, 0644, err);
}

static int usage(FILE *to)
{
	fprintf(to,
		"usage: pith metadata create FILE.iso TEXT\n\n"
		"Writes an ISO image whose file \"config\" holds TEXT, for the metadata package of a guest.\n");
	return to == stdout ? 0 : 2;
}

int cmd_metadata(int argc, char **argv)
{
	_cleanup_error_ struct error err = { 0 };

	if (argc == 2 && (str_eq(argv[1], "--help") || str_eq(argv[1], "-help") || str_eq(argv[1], "-h")))
		return usage(stdout);
	if (argc != 4 || !str_eq(argv[1], "create"))
		return usage(stderr);
	if (metadata_write(argv[2], argv[3], strlen(argv[3]), &err) == 0)
		return 0;
	log_error("%s", error_text(&err));
	return 1;
}
