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

/* LinuxKit's numbers: 0 errors, 1 as ever, 2 and 3 more. */
static int global_verbosity(void *data, const struct option *o, const char *value, struct error *err)
{
	int level = value ? value[0] - '0' : 2;

	(void)data;
	(void)o;
	if (value && (level < 0 || level > 3 || value[1]))
		return error_set(err, 0, "--verbose %s: it is one of 0, 1, 2, 3", value);
	log_setup("pith", level == 0 ? LOG_LEVEL_ERROR : level == 1 ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG, false);
	return 0;
}

static int global_quiet(void *data, const struct option *o, const char *value, struct error *err)
{
	bool quiet;

	(void)data;
	if (option_switch(o, value, &quiet, err) < 0)
		return -1;
	log_setup("pith", quiet ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO, false);
	return 0;
}

/* One more of a list in the environment: later ones count more. */
static int variable_append(const char *variable, char separator, const char *value, struct error *err)
{
	const char *old = getenv(variable);
	_cleanup_free_ char *all = old && *old ? str_format("%s%c%s", old, separator, value) : strdup(value);

	if (!all || setenv(variable, all, 1) < 0)
		return error_set(err, ENOMEM, "%s", variable);
	return 0;
}

static int global_mirror(void *data, const struct option *o, const char *value, struct error *err)
{
	const char *url = strchr(value, '='), *start = url ? url + 1 : value;

	(void)data;
	(void)o;
	if (!str_starts(start, "http://") && !str_starts(start, "https://"))
		return error_set(err, 0, "--mirror %s: write [REGISTRY=]URL, as in docker.io=https://mirror.example",
				 value);
	return variable_append("LINUXKIT_MIRROR", ',', value, err);
}

/* skopeo takes a file with all certificates: the machine's and those named here, which is kept in memory, and named by
 * this process, which outlives every skopeo of its own. */
static int bundle_open(struct error *err)
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

static int global_cert(void *data, const struct option *o, const char *path, struct error *err)
{
	_cleanup_buf_ struct buf text = { 0 };
	static int bundle = -1;

	(void)data;
	(void)o;
	if (file_read(path, CERTS_MAX, &text, err) < 0 || buf_add(&text, "\n", 2) < 0)
		return error_wrap(err, "--cert-file");
	if (!strstr(buf_text(&text), "-----BEGIN CERTIFICATE-----"))
		return error_set(err, 0, "--cert-file %s: there is no certificate in it (PEM)", path);
	if (bundle < 0)
		bundle = bundle_open(err);
	if (bundle < 0)
		return -1;
	return io_write(bundle, buf_text(&text), strlen(buf_text(&text))) < 0 ? error_set(err, errno, "--cert-file")
									      : 0;
}

static int global_cache(void *data, const struct option *o, const char *value, struct error *err)
{
	(void)data;
	return setenv("PITH_CACHE", value, 1) < 0 ? error_set(err, errno, "--%s", o->name) : 0;
}

const struct option global_options[] = {
	{ "quiet", 'q', .set = global_quiet, .help = "print errors only" },
	{ "verbose", 'v', .argument = "N", .value_optional = true, .set = global_verbosity,
	  .help = "0: errors, 1: as ever, 2 and 3: more; without a number 2" },
	{ "cache", .argument = "DIR", .set = global_cache,
	  .help = "the image cache ($PITH_CACHE or $LINUXKIT_CACHE, else ~/.pith/cache)" },
	{ "mirror", .argument = "[REGISTRY=]URL", .set = global_mirror,
	  .help = "pull from there; again for more, beside those of $LINUXKIT_MIRROR (with commas)" },
	{ "cert-file", .argument = "FILE", .set = global_cert,
	  .help = "trust these certificates (PEM) of registries, too; again for more" },
	{ "help", 'h', .help = "print this help" },
	{ 0 },
};
