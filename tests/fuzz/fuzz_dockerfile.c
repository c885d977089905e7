/* A Dockerfile of anybody's: what it says of images lies inside of it, in order, and a failure has a reason. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dockerfile.h"
#include "str.h"

static void check_images(const struct dockerfile *d, size_t n)
{
	size_t at = 0, i;

	for (i = 0; i < d->image_count; i++) {
		const struct dockerfile_image *image = &d->images[i];

		if (!*image->name || !image->line || image->at < at || image->at + image->len > n || !image->len)
			abort();
		at = image->at + image->len;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *const args[] = { "TAG=1", "EMPTY=", NULL };
	struct dockerfile_question q = { .name = "Dockerfile", .args = args };
	/* just as long as it is: reading on is an error that the sanitizer sees */
	_cleanup_free_ char *text = malloc(n ? n : 1);
	_cleanup_dockerfile_ struct dockerfile d = { 0 };
	_cleanup_error_ struct error err = { 0 };
	_cleanup_strv_ char **names = calloc(1, sizeof(*names));
	size_t i;

	if (n)
		memcpy(text, data, n);
	platform_parse("linux/arm64", &q.target, NULL);
	platform_parse("linux/amd64", &q.build, NULL);
	if (dockerfile_parse(text, n, &q, &d, &err) < 0) {
		if (!err.msg || d.image_count)
			abort();
		return 0;
	}
	check_images(&d, n);
	for (i = 0; i < d.image_count; i++)
		strv_add(&names, "x");
	free(dockerfile_rename(text, n, &d, names));
	return 0;
}
