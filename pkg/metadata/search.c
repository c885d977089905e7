#include "search.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "str.h"

static const struct {
	const char *word;
	enum source_kind kind;
	const char *title;
} own[] = {
	{ "vmware", SOURCE_VMWARE, "VMWARE" },
	{ "fw_cfg", SOURCE_FW_CFG, "FW_CFG opt/org.pith/userdata" },
	{ "nocloud", SOURCE_NOCLOUD, "NoCloud" },
	{ "cdrom", SOURCE_DISKS, NULL },
};

const char *search_names(void)
{
	return "aws gcp hetzner openstack scaleway vultr digitalocean equinixmetal metaldata vmware fw_cfg nocloud "
	       "cdrom cdrom=DEVICE file=PATH";
}

static int source_parse(const char *word, struct source *s, struct error *err)
{
	*s = (struct source){ .kind = SOURCE_NET, .provider = provider_find(word) };
	if (s->provider)
		return 0;
	for (size_t i = 0; i < array_len(own); i++)
		if (str_eq(word, own[i].word)) {
			s->kind = own[i].kind;
			return 0;
		}
	if (str_starts(word, "file=") || str_starts(word, "cdrom=")) {
		s->kind = word[0] == 'f' ? SOURCE_FILE : SOURCE_DISK;
		s->path = strchr(word, '=') + 1;
		return *s->path ? 0 : error_set(err, 0, "%s has no path", word);
	}
	return error_set(err, 0, "Unrecognised metadata provider: %s; there are %s", word, search_names());
}

int search_add(struct search *s, const char *word, struct error *err)
{
	if (s->count == SEARCH_MAX)
		return error_set(err, 0, "more than %d sources", SEARCH_MAX);
	if (source_parse(word, &s->list[s->count], err) < 0)
		return -1;
	s->count++;
	return 0;
}

int search_add_default(struct search *s, struct error *err)
{
	/* equinixmetal is not among them: its service has ended, and whoever answers for its public name would rule */
	static const char *const words[] = { "aws",          "gcp",       "hetzner", "openstack", "scaleway", "vultr",
					     "digitalocean", "metaldata", "vmware",  "fw_cfg",    "nocloud",  "cdrom" };

	for (size_t i = 0; i < array_len(words); i++)
		if (search_add(s, words[i], err) < 0)
			return -1;
	return 0;
}

/* --- one after the other
 * ---------------------------------------------------------------------------------------------- */

struct asking {
	struct loop *loop;
	net_say_fn *say;
	struct findings *out;
	char **title;
};

/* Says what was wrong; 1: found, 0: go on. */
static int outcome_say(const struct asking *a, int r, const char *title, struct error *failed, struct error *err)
{
	if (r > 0) {
		*a->title = strdup(title);
		return *a->title ? 1 : error_set(err, ENOMEM, "%s", title);
	}
	findings_clear(a->out);
	if (r < 0)
		a->say(false, title, error_text(failed));
	return 0;
}

static int disk_ask(const struct asking *a, const char *path, struct error *err)
{
	_cleanup_error_ struct error failed = { 0 };
	_cleanup_free_ char *title = str_format("CDROM %s", path);

	return title ? outcome_say(a, local_disk(path, a->out, a->say, &failed), title, &failed, err)
		     : error_set(err, ENOMEM, "%s", path);
}

static int disks_ask(const struct asking *a, struct error *err)
{
	_cleanup_strv_ char **disks = local_disks();
	int r = disks ? 0 : error_set(err, ENOMEM, "disks");

	for (char **d = disks; r == 0 && d && *d; d++)
		r = disk_ask(a, *d, err);
	return r;
}

static int own_ask(const struct asking *a, enum source_kind kind, struct error *err)
{
	_cleanup_error_ struct error failed = { 0 };
	size_t i;
	int r;

	if (kind == SOURCE_VMWARE)
		r = local_vmware(a->out, a->say, &failed);
	else if (kind == SOURCE_FW_CFG)
		r = local_fw_cfg(a->out, &failed);
	else
		r = local_nocloud(a->loop, a->out, a->say, &failed);
	for (i = 0; own[i].kind != kind; i++)
		;
	return outcome_say(a, r, own[i].title, &failed, err);
}

static int file_ask(const struct asking *a, const char *path, struct error *err)
{
	_cleanup_error_ struct error failed = { 0 };

	return outcome_say(a, local_file(path, a->out, &failed), path, &failed, err);
}

static int source_ask(const struct asking *a, const struct source *s, struct error *err)
{
	switch (s->kind) {
	case SOURCE_DISKS:
		return disks_ask(a, err);
	case SOURCE_DISK:
		return disk_ask(a, s->path, err);
	case SOURCE_FILE:
		return file_ask(a, s->path, err);
	default:
		return own_ask(a, s->kind, err);
	}
}

static int network_ask(const struct asking *a, const struct search *s, struct error *err)
{
	const struct provider *list[SEARCH_MAX], *winner;
	struct error failed = { 0 };
	size_t count = 0;

	for (size_t i = 0; i < s->count; i++)
		if (s->list[i].kind == SOURCE_NET)
			list[count++] = s->list[i].provider;
	winner = net_find(a->loop, list, count, a->say, a->out, &failed);
	if (failed.msg)
		a->say(false, "network", error_text(&failed));
	error_clear(&failed);
	return winner ? outcome_say(a, 1, winner->title, NULL, err) : 0;
}

int search_run(const struct search *s, struct loop *loop, net_say_fn *say, struct findings *out, char **title,
	       struct error *err)
{
	const struct asking a = { loop, say, out, title };
	int r = network_ask(&a, s, err);

	for (int files = 0; files < 2; files++)
		for (size_t i = 0; i < s->count && r == 0; i++) {
			enum source_kind kind = s->list[i].kind;

			if (kind != SOURCE_NET && (kind == SOURCE_FILE) == (files == 1))
				r = source_ask(&a, &s->list[i], err);
		}
	return r;
}
