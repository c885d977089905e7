/* --verity: a root that is checked block by block when it is read. Where the root is an initrd's, PID 1 finds the image
 * with its hash tree in there; on a disk for UEFI it has a partition of its own, and beside kernel+squashfs or
 * kernel+erofs there is a small initrd, since PID 1 has to come from somewhere that is not the root.
 *
 * The tree's digest is known once the image is written, and goes onto the command line: an output's command line is
 * written after its image. All images of one run have one digest, since they share NAME-cmdline. */
#include <errno.h>
#include <string.h>

#include "formats_private.h"

/* Bytes of the digest that are a partition's UUID, as the Discoverable Partitions Specification has it. */
enum { UUID = 16 };

static const char *const unable[FORMATS] = {
	[FORMAT_TAR] = "its reader makes the root of it",
	[FORMAT_DOCKER] = "its reader makes the root of it",
	[FORMAT_KERNEL_ISO] = "its root is ISO 9660",
};

static bool in_initrd(const struct outputs *x, enum build_format format)
{
	return format != FORMAT_KERNEL_SQUASHFS && format != FORMAT_KERNEL_EROFS &&
		(x->root == OUTPUT_PLAIN || (format == FORMAT_KERNEL_INITRD_NOGZ && x->o->initrd == INITRD_AUTO));
}

int verity_suits(const struct outputs *x, enum build_format format, struct error *err)
{
	if (unable[format])
		return error_say(err, ENOTSUP, "%s: --verity is for a root that is an erofs or squashfs image; %s",
				 format_names[format], unable[format]);
	if (in_initrd(x, format))
		return error_say(
			err, ENOTSUP,
			"%s: --verity is for a root that is an erofs or squashfs image, and this initrd holds the "
			"tree itself: --initrd erofs makes an image of it",
			format_names[format]);
	return 0;
}

int verity_note(struct outputs *x, const struct verity *v, struct error *err)
{
	if (x->verified && memcmp(x->verity.root, v->root, sizeof(v->root)) != 0)
		return error_say(
			err, EEXIST,
			"--verity: two different roots cannot share one command line: build the formats one after "
			"the other, with another --name");
	x->verified = true;
	x->verity = *v;
	return 0;
}

char *verity_words(const struct outputs *x)
{
	char text[VERITY_TEXT];

	if (!x->verified)
		return strdup("");
	verity_text(&x->verity, text);
	return str_format(VERITY_WORD "=%s%s", text,
			  x->o->verity_check == VERITY_CHECK_READ ? " " VERITY_CHECK "=read" : "");
}

void verity_uuid(const struct outputs *x, char out[static VERITY_UUID_TEXT])
{
	const uint8_t *b = x->verity.root;

	for (size_t i = 0; i < UUID; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*out++ = '-';
		out = verity_hex(out, b + i, 1);
	}
}
