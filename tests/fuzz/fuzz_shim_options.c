/* A runtime's options: TOML, and the messages around it. */
#include <assert.h>
#include <string.h>

#include "options.h"
#include "str.h"
#include "toml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Lines are counted, and entries come in their order. */
static void entries(const char *text, size_t n)
{
	_cleanup_toml_ struct toml t = toml_begin(text, n);
	_cleanup_toml_entry_ struct toml_entry e = { 0 };
	unsigned line = 1;

	while (toml_next(&t, &e, NULL) > 0) {
		assert(e.key && e.line >= line && (e.type == TOML_STRING) == (e.text != NULL));
		line = e.line;
	}
	assert(t.at <= t.end);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char *const types[] = { "runtimeoptions.v1.Options", "containerd.runc.v1.Options",
					     "containerd.linux.runc.CreateOptions" };
	_cleanup_runc_options_ runc_options *table = NULL, *message = NULL;
	_cleanup_strv_ char **unknown = NULL;
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;

	if (n == 0)
		return 0;
	entries((const char *)data, n);
	table = options_parse((const char *)data, n, &unknown, NULL);
	/* A path in it would be opened. */
	if (data[0] != 0x12 && !memchr(data, '/', n)) {
		any.type_url = (char *)types[data[0] % 3];
		any.value = (ProtobufCBinaryData){ .data = (uint8_t *)data + 1, .len = n - 1 };
		message = options_read(&any, NULL, NULL);
	}
	return 0;
}
