/* containerd-shim-pith-v2: a containerd shim (runtime v2) for OCI runtimes.
 *
 * containerd runs it with `start`, from the bundle's directory; it answers with the address of its socket and goes on
 * in the background, serving calls until the last of its containers is deleted. See docs/shim.md. */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "io.h"
#include "log.h"
#include "str.h"

struct flag {
	const char *name;
	const char **value; /* NULL: one without */
	bool *on;
};

/* -name value, -name=value, and the same with two dashes; the first other word is the action. */
static int flags_parse(int argc, char **argv, const struct flag *flags, const char **action)
{
	int i;

	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		const char *word = argv[i] + 1 + (argv[i][1] == '-'), *equals = strchr(word, '=');
		size_t n = equals ? (size_t)(equals - word) : strlen(word);
		const struct flag *f;

		for (f = flags; f->name; f++)
			if (strlen(f->name) == n && memcmp(f->name, word, n) == 0)
				break;
		if (!f->name) {
			log_error("unknown option %s", argv[i]);
			return -1;
		}
		if (f->on) {
			*f->on = !equals || str_eq(equals + 1, "true") || str_eq(equals + 1, "1");
		} else if (equals) {
			*f->value = equals + 1;
		} else if (i + 1 < argc) {
			*f->value = argv[++i];
		} else {
			log_error("option %s needs a value", argv[i]);
			return -1;
		}
	}
	*action = i < argc ? argv[i] : "";
	return 0;
}

int main(int argc, char **argv)
{
	const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL, *action, *ignored = NULL;
	struct command c = { .name = slash ? slash + 1 : argc > 0 ? argv[0] : "containerd-shim-pith-v2" };
	bool version = false, info = false;
	const struct flag flags[] = {
		{ "namespace", &c.namespace, NULL },
		{ "id", &c.id, NULL },
		{ "address", &c.address, NULL },
		{ "publish-binary", &c.publish_binary, NULL },
		{ "bundle", &c.bundle, NULL },
		{ "socket", &ignored, NULL },
		{ "debug-socket", &ignored, NULL },
		{ "debug", NULL, &c.debug },
		{ "v", NULL, &version },
		{ "version", NULL, &version },
		{ "info", NULL, &info },
		{ NULL, NULL, NULL },
	};
	_cleanup_error_ struct error err = { 0 };
	int r;

	io_fill_standard();
	log_setup(c.name, LOG_LEVEL_INFO, false);
	/* containerd's own notification socket, where it was started with one: a runtime that sees it mounts it into
	 * the container. */
	unsetenv("NOTIFY_SOCKET");
	if (flags_parse(argc, argv, flags, &action) < 0)
		return 1;
	if (version) {
		printf("%s:\n  Version:  %s\n", c.name, SHIM_VERSION);
		return 0;
	}
	if (info)
		r = command_info(&c, &err);
	else if (str_eq(action, "start"))
		r = command_start(&c, &err);
	else if (str_eq(action, "delete"))
		r = command_delete(&c, &err);
	else
		r = error_set(&err, 0, "containerd starts this program with start, delete, -info or -v");
	if (r < 0)
		log_error("%s", error_text(&err));
	return r < 0 ? 1 : 0;
}
