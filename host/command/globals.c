#include "globals.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "buf.h"
#include "io.h"
#include "log.h"
#include "str.h"

enum { CERTS_MAX = 4 << 20 };

/* --- saying what is wrong ----------------------------------------------------------------------------------------- */

static size_t name_length(const char *word)
{
	return strcspn(word, "=");
}

static const char *without_dashes(const char *word)
{
	word += *word == '-';
	return word + (*word == '-');
}

/* How far a name is from what was typed: 3 is too far. A beginning of the name is nearest. */
static size_t distance(const char *typed, const char *name)
{
	size_t n = strlen(typed);

	if (n > 1 && str_starts(name, typed))
		return 0;
	return n > 2 || strlen(name) < 3 ? str_distance(typed, name, 2) : 3;
}

const char *option_suggest(const char *wrong, const char *const *words)
{
	size_t best = 3, d;
	const char *found = NULL;

	for (; *words; words++) {
		d = distance(wrong, *words);
		if (d < best && d < strlen(*words)) {
			best = d;
			found = *words;
		}
	}
	return found;
}

static int refuse(const char *word, const struct option *table, const char *help, struct error *err)
{
	const char *start = without_dashes(word);
	_cleanup_free_ char *typed = strndup(start, name_length(start));
	const char *names[96] = { 0 }, *near;
	size_t i;

	for (i = 0; table[i].name && i + 1 < array_len(names); i++)
		names[i] = table[i].name;
	near = typed ? option_suggest(typed, names) : NULL;
	if (near && strlen(near) > 1)
		error_set(err, 0, "unknown option %.*s: did you mean --%s?", (int)name_length(word), word, near);
	else
		error_set(err, 0, "unknown option %.*s: `%s` lists them", (int)name_length(word), word, help);
	return OPTION_BAD;
}

/* --- values ------------------------------------------------------------------------------------------------------- */

int option_switch(const char *option, const char *value, bool *out, struct error *err)
{
	static const char *const yes[] = { "1", "t", "T", "true", "TRUE", "True", NULL };
	static const char *const no[] = { "0", "f", "F", "false", "FALSE", "False", NULL };
	size_t i;

	for (i = 0; value && yes[i]; i++) {
		if (str_eq(value, yes[i]) || str_eq(value, no[i])) {
			*out = str_eq(value, yes[i]);
			return 0;
		}
	}
	*out = true;
	return value ? error_set(err, 0, "--%s %s: it is one of false, true", option, value) : 0;
}

/* LinuxKit's numbers: 0 errors, 1 as ever, 2 and 3 more. */
static int set_verbosity(const char *value, struct error *err)
{
	int level = value ? value[0] - '0' : 2;

	if (value && (level < 0 || level > 3 || value[1]))
		return error_set(err, 0, "--verbose %s: it is one of 0, 1, 2, 3", value);
	log_setup("pith", level == 0 ? LOG_LEVEL_ERROR : level == 1 ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG, false);
	return 0;
}

static int set_quiet(const char *value, struct error *err)
{
	bool quiet;

	if (option_switch("quiet", value, &quiet, err) < 0)
		return -1;
	log_setup("pith", quiet ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO, false);
	return 0;
}

/* One more of a list in the environment: later ones count more. */
static int append(const char *variable, char separator, const char *value, struct error *err)
{
	const char *old = getenv(variable);
	_cleanup_free_ char *all = old && *old ? str_format("%s%c%s", old, separator, value) : strdup(value);

	if (!all || setenv(variable, all, 1) < 0)
		return error_set(err, ENOMEM, "%s", variable);
	return 0;
}

static int add_mirror(const char *value, struct error *err)
{
	const char *url = strchr(value, '='), *start = url ? url + 1 : value;

	if (!str_starts(start, "http://") && !str_starts(start, "https://"))
		return error_set(err, 0, "--mirror %s: write [REGISTRY=]URL, as in docker.io=https://mirror.example",
				 value);
	return append("LINUXKIT_MIRROR", ',', value, err);
}

/* skopeo takes a file with all certificates: the machine's and those named here, which is kept in memory, and named by
 * this process, which outlives every skopeo of its own. */
static int open_bundle(struct error *err)
{
	static const char *const system[] = { "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
					      "/etc/ssl/cert.pem", NULL };
	const char *chosen = getenv("SSL_CERT_FILE");
	_cleanup_buf_ struct buf text = { 0 };
	_cleanup_free_ char *name = NULL;
	_cleanup_close_ int fd = memfd_create("certificates", MFD_CLOEXEC);
	size_t i;

	if (chosen && *chosen && file_read(chosen, CERTS_MAX, &text, err) < 0)
		return -1;
	for (i = 0; !text.len && system[i]; i++)
		file_read(system[i], CERTS_MAX, &text, NULL); /* which of them is there depends on the machine */
	name = str_format("/proc/%d/fd/%d", getpid(), fd);
	if (fd < 0 || !name || io_write(fd, buf_text(&text), text.len) < 0 || setenv("SSL_CERT_FILE", name, 1) < 0)
		return error_set(err, errno, "--cert-file");
	return steal_fd(&fd);
}

static int add_cert(const char *path, struct error *err)
{
	_cleanup_buf_ struct buf text = { 0 };
	static int bundle = -1;

	if (file_read(path, CERTS_MAX, &text, err) < 0 || buf_add(&text, "\n", 2) < 0)
		return error_wrap(err, "--cert-file");
	if (!strstr(buf_text(&text), "-----BEGIN CERTIFICATE-----"))
		return error_set(err, 0, "--cert-file %s: there is no certificate in it (PEM)", path);
	if (bundle < 0)
		bundle = open_bundle(err);
	if (bundle < 0)
		return -1;
	return io_write(bundle, buf_text(&text), strlen(buf_text(&text))) < 0 ? error_set(err, errno, "--cert-file")
									      : 0;
}

static int set_global(int id, const char *value, struct error *err)
{
	switch (id) {
	case GLOBAL_CACHE:
		return setenv("PITH_CACHE", value, 1) < 0 ? error_set(err, errno, "--cache") : 0;
	case GLOBAL_MIRROR:
		return add_mirror(value, err);
	case GLOBAL_CERT_FILE:
		return add_cert(value, err);
	case GLOBAL_QUIET:
		return set_quiet(value, err);
	default:
		return set_verbosity(value, err);
	}
}

/* --- the command line --------------------------------------------------------------------------------------------- */

/* getopt takes beginnings of names, too. */
static bool is_whole(const char *word, const char *name)
{
	const char *typed = without_dashes(word);

	return strlen(name) == name_length(typed) && str_starts(typed, name);
}

static bool is_digit(const char *s)
{
	return s && s[0] >= '0' && s[0] <= '9' && !s[1];
}

int option_next(int argc, char **argv, const struct option *table, bool before_command, const char *help,
		struct error *err)
{
	int id, index = -1;

	opterr = 0;
	while ((id = getopt_long_only(argc, argv, before_command ? "+:" : ":", table, &index)) != -1) {
		const char *word = argv[optind - 1];

		if (id == ':')
			return error_set(err, 0, "option %s needs a value", word) < 0 ? OPTION_BAD : 0;
		if (id == '?')
			return refuse(word, table, help, err);
		if (optarg == word && optind > 1)
			word = argv[optind - 2];
		if (!is_whole(word, table[index].name))
			return refuse(word, table, help, err);
		if (id < GLOBAL_CACHE || id == GLOBAL_HELP)
			return id;
		if (id == GLOBAL_VERBOSE && !optarg && is_digit(argv[optind]))
			optarg = argv[optind++]; /* `-v 2` */
		if (set_global(id, optarg, err) < 0)
			return OPTION_BAD;
	}
	return OPTION_END;
}
