#include "qemu_img.h"

#include <errno.h>

#include "buf.h"
#include "spawn.h"
#include "str.h"

char *qemu_file(const char *path)
{
	return path[0] == '/' ? strdup(path) : str_format("./%s", path);
}

/* Without its own name in front, as the rest of the line says what was tried. */
static const char *qemu_img_words(const struct buf *output)
{
	const char *text = buf_text(output);

	return str_starts(text, "qemu-img: ") ? text + strlen("qemu-img: ") : text;
}

static int qemu_img_run(char **argv, const char *doing, const char *path, struct error *err)
{
	_cleanup_(buf_free) struct buf output = { 0 };
	int status = spawn_wait(&(struct spawn){ .path = "qemu-img", .argv = argv }, &output, 4096, 0, err);
	const char *words;

	if (status == 0)
		return 0;
	if (status < 0 && err && err->code == ENOENT)
		return error_set(err, 0,
				 "%s disk %s: qemu-img is not installed: apt-get install qemu-utils, or use format=raw",
				 doing, path);
	if (status < 0)
		return error_wrap(err, "%s disk %s", doing, path);
	words = qemu_img_words(&output);
	return error_set(err, 0, "%s disk %s: %.*s", doing, path, (int)strcspn(words, "\n"), words);
}

int qemu_img_create(const char *path, const char *format, uint64_t size, struct error *err)
{
	_cleanup_free_ char *file = qemu_file(path);
	_cleanup_free_ char *bytes = str_format("%llu", (unsigned long long)size);
	char *argv[] = {
		(char *)"qemu-img", (char *)"create", (char *)"-q", (char *)"-f", (char *)format, file, bytes, NULL
	};

	if (!bytes || !file)
		return error_set(err, ENOMEM, "create disk %s", path);
	return qemu_img_run(argv, "create", path, err);
}

int qemu_img_resize(const char *path, const char *format, uint64_t size, struct error *err)
{
	_cleanup_free_ char *file = qemu_file(path);
	_cleanup_free_ char *bytes = str_format("%llu", (unsigned long long)size);
	char *argv[] = {
		(char *)"qemu-img", (char *)"resize", (char *)"-q", (char *)"-f", (char *)format, file, bytes, NULL
	};

	if (!bytes || !file)
		return error_set(err, ENOMEM, "grow disk %s", path);
	return qemu_img_run(argv, "grow", path, err);
}
