/* How a device is opened, in each mode. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "crypto.h"
#include "mapper.h"
#include "str.h"
#include "tool.h"

/* LinuxKit's: its disks can be opened here, and ours there. */
#define PLAIN_CIPHER "aes-cbc-essiv:sha256"

enum { SMALL = 64 << 20 }; /* bytes of a device on which LUKS2's usual 16 MiB of key slots are too much */

int plain_open(struct crypto *c, struct error *err)
{
	return mapper_crypt(c->name, c->device, 0, PLAIN_CIPHER, c->key, sizeof(c->key), c->mapped, err);
}

int luks_open(struct crypto *c, struct error *err)
{
	char *const argv[] = { (char *)"cryptsetup",
			       (char *)"open",
			       (char *)"--disable-locks",
			       (char *)"--type",
			       (char *)"luks",
			       (char *)"--allow-discards",
			       (char *)"--key-file",
			       (char *)c->key_file,
			       (char *)"--",
			       c->device,
			       (char *)c->name,
			       NULL };
	struct stat st;

	snprintf(c->mapped, sizeof(c->mapped), "/dev/mapper/%s", c->name);
	if (stat(c->mapped, &st) == 0)
		return error_say(err, EBUSY, "%s: there is such a mapping already", c->name);
	return tool_must(argv, err) < 0 ? error_wrap(err, "%s", c->device) : 0;
}

int luks_format(const struct crypto *c, struct error *err)
{
	_cleanup_strv_ char **argv = NULL;
	/* A key of 32 random bytes and more cannot be guessed, however fast one guess is. */
	static const char *const always[] = { "cryptsetup", "luksFormat", "--batch-mode", "--disable-locks",
					      "--type",     "luks2",      "--key-file",   NULL };
	static const char *const strong[] = { "--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000", NULL };
	static const char *const small[] = { "--luks2-metadata-size", "16k", "--luks2-keyslots-size", "512k", NULL };
	struct stat st;
	bool ok = true;

	for (const char *const *w = always; *w; w++)
		ok = ok && strv_add(&argv, *w) == 0;
	ok = ok && strv_add(&argv, c->key_file) == 0;
	for (const char *const *w = strong; *w && stat(c->key_file, &st) == 0 && st.st_size >= PLAIN_KEY; w++)
		ok = ok && strv_add(&argv, *w) == 0;
	for (const char *const *w = small; *w && c->bytes < SMALL; w++)
		ok = ok && strv_add(&argv, *w) == 0;
	if (!ok || strv_add(&argv, c->device) < 0)
		return error_set(err, ENOMEM, "%s", c->device);
	return tool_must(argv, err) < 0 ? error_wrap(err, "%s", c->device) : 0;
}
