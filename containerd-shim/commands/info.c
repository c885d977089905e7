/* The `-info` command. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "io.h"
#include "jsonr.h"
#include "options.h"
#include "spawn.h"
#include "str.h"
#include "types.pb-c.h"

enum { INPUT_MAX = 10 << 20, FEATURES_MAX = 4 << 20, RUNTIME_US = 10 * 1000000 };

/* containerd-shim-NAME-VERSION is what containerd runs for io.containerd.NAME.VERSION. */
static char *runtime_name(const char *program)
{
	static const char prefix[] = "containerd-shim-";
	char *name = str_format("io.containerd.%s", str_starts(program, prefix) ? program + strlen(prefix) : "pith-v2");
	char *dash = name ? strrchr(name, '-') : NULL;

	if (dash)
		*dash = '.';
	return name;
}

static int input_read(struct buf *out, struct error *err)
{
	ssize_t n = 1;

	while (n > 0) {
		uint8_t *room = buf_reserve(out, 4096);

		n = room ? io_read(STDIN_FILENO, room, 4096) : -1;
		if (n < 0)
			return error_set(err, errno, "standard input");
		buf_commit(out, (size_t)n);
		if (out->len > INPUT_MAX)
			return error_set(err, EFBIG, "standard input");
	}
	return 0;
}

/* What the runtime says about itself, in JSON; nothing if it does not know the question. */
static void features_read(const char *binary, struct buf *out)
{
	const char *const argv[] = { binary, "features", NULL };
	struct spawn s = { .path = binary, .argv = (char *const *)argv };
	struct jsonr doc;

	if (spawn_wait(&s, out, FEATURES_MAX, RUNTIME_US, NULL) != 0 ||
	    jsonr_parse(buf_text(out), out->len, &doc, NULL) < 0 || doc.type != JSONR_OBJECT)
		buf_clear(out);
}

static int info_write(const Containerd__Types__RuntimeInfo *info, struct error *err)
{
	size_t n = containerd__types__runtime_info__get_packed_size(info);
	_cleanup_free_ uint8_t *packed = malloc(n ? n : 1);

	if (!packed)
		return error_set(err, ENOMEM, "answer");
	containerd__types__runtime_info__pack(info, packed);
	return io_write(STDOUT_FILENO, packed, n) < 0 ? error_set(err, errno, "standard output") : 0;
}

static int info_make(const struct command *c, const Google__Protobuf__Any *given, const char *binary, struct error *err)
{
	Containerd__Types__RuntimeInfo info = CONTAINERD__TYPES__RUNTIME_INFO__INIT;
	Containerd__Types__RuntimeVersion version = CONTAINERD__TYPES__RUNTIME_VERSION__INIT;
	Google__Protobuf__Any features = GOOGLE__PROTOBUF__ANY__INIT;
	_cleanup_free_ char *name = runtime_name(c->name);
	_cleanup_buf_ struct buf text = { 0 };

	if (!name)
		return error_set(err, ENOMEM, "answer");
	features_read(binary && *binary ? binary : "runc", &text);
	info.name = name;
	version.version = (char *)SHIM_VERSION;
	info.version = &version;
	info.options = (Google__Protobuf__Any *)given;
	if (text.len > 0) {
		features.type_url = (char *)"types.containerd.io/opencontainers/runtime-spec/1/features/Features";
		features.value = (ProtobufCBinaryData){ .data = buf_bytes(&text), .len = text.len };
		info.features = &features;
	}
	return info_write(&info, err);
}

int command_info(const struct command *c, struct error *err)
{
	_cleanup_buf_ struct buf input = { 0 };
	_cleanup_runc_options_ runc_options *options = NULL;
	Google__Protobuf__Any *any;
	int r;

	if (input_read(&input, err) < 0)
		return -1;
	any = google__protobuf__any__unpack(NULL, input.len, buf_bytes(&input));
	if (!any)
		return error_set(err, 0, "standard input holds no options");
	options = options_read(any, NULL, err);
	r = options ? info_make(c, input.len > 0 ? any : NULL, options->binary_name, err) : -1;
	google__protobuf__any__free_unpacked(any, NULL);
	return r;
}
