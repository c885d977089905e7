#include "metadata.h"

#include <stdio.h>

#include "buf.h"
#include "commands.h"
#include "io.h"
#include "iso9660.h"
#include "log.h"
#include "str.h"

int metadata_write(const char *path, const void *data, size_t n, struct error *err)
{
	_cleanup_(buf_free) struct buf image = { 0 };

	if (iso9660_make("CONFIG", "config", data, n, &image, err) < 0)
		return error_wrap(err, "metadata image %s", path);
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
