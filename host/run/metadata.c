#include "metadata.h"

#include <errno.h>
#include <stdio.h>

#include "commands.h"
#include "io.h"
#include "iso9660.h"
#include "log.h"
#include "outfile.h"
#include "str.h"

int metadata_image(const void *data, size_t n, struct buf *out, struct error *err)
{
	return iso9660_make("CONFIG", "config", data, n, out, err) < 0 ? error_wrap(err, "metadata image") : 0;
}

static int create(const char *path, const char *text, struct error *err)
{
	_cleanup_outfile_ struct outfile file = OUTFILE_INIT;
	_cleanup_buf_ struct buf image = { 0 };

	if (metadata_image(text, strlen(text), &image, err) < 0 || outfile_open(&file, path, err) < 0)
		return -1;
	if (io_write(file.fd, buf_bytes(&image), image.len) < 0)
		return error_set(err, errno, "write %s", path);
	return outfile_commit(&file, 0644, err);
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
	if (create(argv[2], argv[3], &err) == 0)
		return 0;
	log_error("%s", error_text(&err));
	return 1;
}
