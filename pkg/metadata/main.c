/* metadata: asks where the machine comes from for its metadata and userdata, and writes them to /run/config. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "beneath.h"
#include "cloudinit.h"
#include "entries.h"
#include "io.h"
#include "log.h"
#include "metadata.h"
#include "program.h"
#include "search.h"
#include "str.h"
#include "tree.h"

#define CONFIG_DIR "/run/config"

enum { HOSTNAME_MAX = 64 };

struct given {
	bool verbose;
};

static const struct option options[] = {
	{ "v", .set = option_set_switch, .field = offsetof(struct given, verbose),
	  .help = "say also which sources are not there, and why" },
	{ "help", 'h', .help = "print this help" },
	{ 0 },
};

static const struct program program = {
	.name = "metadata",
	.words = "[SOURCE...]",
	.text = "Writes what the first of the sources has that is there to /run/config.\n\n"
		"  aws gcp hetzner openstack scaleway vultr digitalocean equinixmetal metaldata\n"
		"                       services on the network, asked all at once, for two seconds\n"
		"  vmware fw_cfg nocloud cdrom cdrom=DEVICE\n"
		"                       what the machine's host has for it\n"
		"  file=PATH            a file\n\n"
		"Services come first, files last. Without SOURCE all are asked but equinixmetal, cdrom=DEVICE and "
		"file=PATH.",
	.options = options,
};

/* --- what is said ---------------------------------------------------------------------------------------------------
 */

static void source_say(bool debug, const char *what, const char *why)
{
	log_line(debug ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARN, "%s: %s", what, why);
}

static void entry_say(void *data, const char *what, const char *why)
{
	(void)data;
	log_warn("%s: %s", what, why);
}

/* --- what is written ------------------------------------------------------------------------------------------------
 */

static int sink_file_put(void *data, const struct sink_file *file, struct error *err)
{
	return tree_file(data, file, err);
}

static int sink_dir_put(void *data, const char *path, mode_t mode, struct error *err)
{
	return tree_dir(data, path, mode, err);
}

static int text_put(struct tree *t, const char *path, mode_t mode, const void *data, size_t n, struct error *err)
{
	return tree_file(t, &(struct sink_file){ .path = path, .mode = mode, .data = data, .n = n }, err);
}

static int userdata_put(struct tree *t, const struct findings *f, struct error *err)
{
	const struct sink sink = { .file = sink_file_put, .dir = sink_dir_put, .say = entry_say, .data = t };
	const char *text = buf_text(&f->userdata);
	_cleanup_error_ struct error own = { 0 };

	if (text_put(t, "userdata", 0644, text, f->userdata.len, err) < 0)
		return -1;
	if (cloudinit_is_config(text, f->userdata.len)) {
		if (cloudinit_config(text, f->userdata.len, f, &sink, &own) < 0)
			log_warn("userdata: %s", error_text(&own));
	} else if (entries_read(text, f->userdata.len, &sink, &own) == 0) {
		log_info("userdata is taken as it is: %s", error_text(&own)); /* it need not be JSON */
	}
	return 0;
}

static int findings_put(struct tree *t, const struct findings *f, const char *title, struct error *err)
{
	for (size_t i = 0; i < f->count; i++) {
		const struct finding *one = &f->list[i];

		if (text_put(t, one->name, one->mode, buf_bytes(&one->text), one->text.len, err) < 0)
			return -1;
	}
	if (text_put(t, TREE_PROVIDER, 0644, title, strlen(title), err) < 0 ||
	    (f->has_userdata && userdata_put(t, f, err) < 0))
		return -1;
	return tree_commit(t, entry_say, NULL, err);
}

/* --- the host name --------------------------------------------------------------------------------------------------
 */

/* Without what is around it; one that is too long is cut at its first dot. Returns its length, 0: it is none. */
static size_t hostname_length(const char *name)
{
	size_t n = strcspn(name, " \t\r\n");

	for (size_t i = 0; i < n; i++)
		if ((unsigned char)name[i] <= ' ' || name[i] == 0x7f)
			return 0;
	if (name[n + strspn(name + n, " \t\r\n")])
		return 0;
	return n > HOSTNAME_MAX ? strcspn(name, ".") : n;
}

static void hostname_set(const struct tree *t)
{
	const struct beneath_want want = { .type = S_IFREG, .owner = BENEATH_ANY_OWNER };
	_cleanup_buf_ struct buf text = { 0 };
	_cleanup_error_ struct error err = { 0 };
	const char *name;
	size_t n;

	if (beneath_read(t->dir, FINDING_HOSTNAME, 4096, &want, &text, &err) < 0) {
		if (err.code != ENOENT)
			log_warn("%s", error_text(&err));
		return;
	}
	name = buf_text(&text);
	name += strspn(name, " \t\r\n");
	n = strlen(buf_text(&text)) == text.len ? hostname_length(name) : 0;
	if (n == 0 || n > HOSTNAME_MAX)
		log_warn("\"%.100s\" is no host name: one word of at most %d characters is wanted", name, HOSTNAME_MAX);
	else if (sethostname(name, n) < 0)
		log_warn("Failed to set hostname: %s", strerror(errno));
	else
		log_info("Set hostname to: %.*s", (int)n, name);
}

/* --- the program ----------------------------------------------------------------------------------------------------
 */

static int metadata_run(const struct search *search, struct error *err)
{
	_cleanup_tree_ struct tree tree = TREE_INIT;
	_cleanup_findings_ struct findings found = { 0 };
	_cleanup_free_ char *title = NULL;
	struct loop *loop = loop_new(err);
	int r;

	if (!loop || confine(err) < 0 || tree_begin(&tree, CONFIG_DIR, err) < 0)
		return -1;
	r = search_run(search, loop, source_say, &found, &title, err);
	loop_free(loop);
	if (r == 0)
		log_info("No metadata/userdata found. Bye");
	if (r <= 0)
		return r;
	log_info("%s: Probe succeeded", title);
	if (findings_put(&tree, &found, title, err) < 0)
		return -1;
	hostname_set(&tree);
	return 0;
}

static int sources_add(struct search *search, char *const *words, struct error *err)
{
	if (!words[0])
		return search_add_default(search, err);
	for (; *words; words++)
		if (search_add(search, *words, err) < 0)
			return -1;
	return 0;
}

int main(int argc, char **argv)
{
	static struct search search;
	struct given given = { 0 };
	_cleanup_error_ struct error err = { 0 };
	int status;

	(void)argc;
	io_fill_standard();
	log_setup("metadata", LOG_LEVEL_INFO, false);
	status = program_line(&program, argv, &given);
	if (status >= 0)
		return status;
	log_setup("metadata", given.verbose ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO, false);
	signal(SIGPIPE, SIG_IGN);
	umask(022);
	if (sources_add(&search, argv + 1, &err) < 0) {
		log_error("%s", error_text(&err));
		return 2;
	}
	if (metadata_run(&search, &err) == 0)
		return 0;
	log_error("%s", error_text(&err));
	return 1;
}
