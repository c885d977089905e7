/* A document of any format: written piece by piece, so that its size does not count, and given an identity that is made
 * of its content. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "io.h"
#include "str.h"
#include "write_private.h"

/* RFC 9562, version 8, of a digest in hexadecimal digits. */
static void uuid_make(const char *digest, char out[static WRITER_UUID + 1])
{
	const char *hex = strchr(digest, ':') + 1;

	snprintf(out, WRITER_UUID + 1, "%.8s-%.4s-8%.3s-8%.3s-%.12s", hex, hex + 8, hex + 12, hex + 15, hex + 18);
}

static int document_write(struct writer *w, struct model *m, enum sbom_format format, struct sink *digest)
{
	if ((format == SBOM_CYCLONEDX ? cyclonedx_write : spdx_write)(w, m) < 0)
		return -1;
	if (buf_addstr(&w->text, "\n") < 0 || jsonw_done(&w->json) < 0)
		return error_set(w->err, ENOMEM, "SBOM");
	if (sink_write(w->out, buf_bytes(&w->text), w->text.len, w->err) < 0)
		return -1;
	return sink_finish(digest, w->err);
}

int model_write(struct model *m, enum sbom_format format, int fd, struct error *err)
{
	_cleanup_sink_ struct sink *file = sink_to_fd(fd, "the SBOM", err), *digest = NULL;
	struct writer w = { .json = { .compact = true }, .err = err };
	char uuid[WRITER_UUID + 1];
	int r;

	digest = file ? sink_digest(file, err) : NULL;
	if (!digest)
		return -1;
	w.out = digest;
	w.json.out = &w.text;
	r = document_write(&w, m, format, digest);
	buf_free(&w.text);
	if (r < 0 || sink_finish(file, err) < 0)
		return -1;
	uuid_make(sink_digest_text(digest), uuid);
	if (pwrite(fd, uuid, WRITER_UUID, (off_t)w.identity) != WRITER_UUID)
		return error_set(err, errno, "the SBOM");
	return 0;
}

enum sbom_format sbom_format_of(const char *path)
{
	static const char *const ends[] = { ".cdx.json", ".cyclonedx.json", "/bom.json" };

	for (size_t i = 0; i < array_len(ends); i++)
		if (str_ends(path, ends[i]))
			return SBOM_CYCLONEDX;
	return str_eq(path, "bom.json") ? SBOM_CYCLONEDX : SBOM_SPDX;
}
