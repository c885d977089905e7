#include "metadata.h"

#include <errno.h>
#include <stdio.h>

#include "command.h"
#include "io.h"
#include "iso9660.h"
#include "log.h"
#include "outfile.h"
#include "str.h"

int metadata_image(const void *data, size_t n, struct buf *out, struct error *err)
{
	return iso9660_make("CONFIG", "config", data, n, out, err) < 0 ? error_wrap(err, "metadata image") : 0;
}

static int metadata_create(const char *path, const char *text, struct error *err)
{
	_cleanup_outfile_ struct outfile file = OUTFILE_INIT;
	_cleanup_buf_ struct buf image = { 0 };

	if (metadata_image(text, strlen(text), &image, err) < 0 || outfile_open(&file, path, err) < 0)
		return -1;
	if (io_write(file.fd, buf_bytes(&image), image.len) < 0)
		return error_set(err, errno, "write %s", path);
	return outfile_commit(&file, 0644, err);
}

static int metadata_main(const struct command *c, char **argv)
{
	_cleanup_error_ struct error err = { 0 };
	int status = command_line(c, argv, NULL);

	if (status >= 0)
		return status;
	if (!argv[1] || !verb_find(c->verbs, argv[1], "create is the only one", &err)) {
		if (!argv[1])
			error_set(&err, 0, "write it like: pith metadata create FILE.iso TEXT");
		return command_refuse(&err);
	}
	if (strv_len(argv) != 4) {
		error_set(&err, 0, "create takes a file and a text: pith metadata create FILE.iso TEXT");
		return command_refuse(&err);
	}
	if (metadata_create(argv[2], argv[3], &err) == 0)
		return 0;
	log_error("%s", error_text(&err));
	return 1;
}

static const char *const metadata_usage[] = { "create FILE.iso TEXT", NULL };
static const struct command_verb metadata_verbs[] = {
	{ "create", "FILE.iso TEXT", "write the image" },
	{ 0 },
};

const struct command metadata_command = {
	.name = "metadata",
	.summary = "make a metadata image for a guest",
	.usage = metadata_usage,
	.text = "Writes an ISO image whose file \"config\" holds TEXT, for the metadata package of a guest.",
	.verbs = metadata_verbs,
	.run = metadata_main,
};
