/* crypto: a device, encrypted, as /dev/mapper/NAME, with an ext4 in it.
 *
 *   the mark says   and                                          then
 *   --------------  -------------------------------------------  ----------------------------------------------------
 *   ready           the key shows a file system                  it is there
 *                   it does not                                  the key is wrong, or the disk damaged: an error
 *   making          whatever                                     it is made anew: nobody has stored anything
 *   nothing         the key shows a file system, or LUKS opens   another program made it: it is there
 *                   the device is blank                          mark "making", encrypt, mkfs.ext4, mark "ready"
 *                   anything else                                an error: a wrong key looks like that
 *
 * So nothing is ever formatted because of a key. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "crypto.h"
#include "io.h"
#include "links.h"
#include "log.h"
#include "mapper.h"
#include "probe.h"
#include "program.h"
#include "str.h"
#include "wait.h"

#define KEY_DIR "/etc/dm-crypt"
#define WAIT_US 10000000

struct options {
	bool luks;
	const char *key_file;
};

static const struct option rows[] = {
	{ .name = "luks",
	  .letter = 'l',
	  .help = "LUKS2, not plain mode",
	  .set = option_set_switch,
	  .field = offsetof(struct options, luks) },
	{ .name = "key-file",
	  .letter = 'k',
	  .argument = "FILE",
	  .help = "the file with the key, in " KEY_DIR " unless it begins with a slash (key)",
	  .set = option_set_text,
	  .field = offsetof(struct options, key_file) },
	{ .name = "help", .letter = 'h', .help = "show this help" },
	{ 0 },
};

static const struct program program = {
	.name = "crypto",
	.words = "NAME DEVICE",
	.text = "Makes /dev/mapper/NAME, which shows DEVICE decrypted. A blank device is encrypted, and gets an ext4.",
	.options = rows,
	.misuse = 1, /* as LinuxKit's */
};

static int crypto_open(struct crypto *c, struct error *err)
{
	return c->luks ? luks_open(c, err) : plain_open(c, err);
}

/* 1: there is a file system; 0: nothing, and the mapping is gone again. */
static int crypto_try(struct crypto *c, struct error *err)
{
	_cleanup_probe_ struct probe found = { 0 };
	_cleanup_free_ char *what = NULL;
	int r;

	if (crypto_open(c, err) < 0)
		return -1;
	r = probe_device(c->mapped, &found, err);
	if (r > 0 && found.usage) {
		what = probe_text(&found);
		log_info("%s: %s on %s", c->mapped, what ? what : "data", c->device);
		return 1;
	}
	mapper_remove(c->name, NULL);
	return r < 0 ? -1 : 0;
}

static int mark_put(struct crypto *c, enum crypt_state state, struct error *err)
{
	_cleanup_close_ int fd = open(c->device, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return error_set(err, errno, "%s", c->device);
	c->mark.state = state;
	snprintf(c->mark.mode, sizeof(c->mark.mode), "%s", c->luks ? "luks" : "plain");
	return crypt_mark_write(fd, &c->mark, err) < 0 ? error_wrap(err, "%s", c->device) : 0;
}

static int crypto_make(struct crypto *c, struct error *err)
{
	if (mark_put(c, CRYPT_MAKING, err) < 0 || (c->luks && luks_format(c, err) < 0) || crypto_open(c, err) < 0)
		return -1;
	if (contents_make(c, err) < 0 || mark_put(c, CRYPT_READY, err) < 0) {
		mapper_remove(c->name, NULL);
		return -1;
	}
	log_info("%s: %s, with an ext4, on %s", c->mapped, c->luks ? "LUKS2" : "plain", c->device);
	return 0;
}

static int crypto_ready(struct crypto *c, struct error *err)
{
	int r;

	if (!str_eq(c->mark.mode, c->luks ? "luks" : "plain"))
		return error_set(err, 0, "%s: it was encrypted in the other mode (%s)", c->device, c->mark.mode);
	r = crypto_try(c, err);
	return r != 0 ? (r < 0 ? -1 : 0)
		      : error_set(err, 0,
				  "%s: with this key no file system is seen: it is the wrong key, or the disk is "
				  "damaged",
				  c->device);
}

static int crypto_found(struct crypto *c, struct error *err)
{
	_cleanup_free_ char *what = NULL;
	int blank = contents_blank(c->device, c->mark.label, &what, err), r;

	c->mark.label_known = blank > 0;
	if (blank != 0)
		return blank < 0 ? -1 : crypto_make(c, err);
	if (!str_starts(what ? what : "", c->luks ? "crypto_LUKS" : "something"))
		return error_set(err, 0, "%s: there is %s on it, in clear: nothing is done to it", c->device,
				 what ? what : "something");
	r = crypto_try(c, err);
	return r != 0 ? (r < 0 ? -1 : 0)
		      : error_set(err, 0,
				  "%s: it is not blank, and with this key no file system is seen: a wrong key, or "
				  "other data; nothing is done to it",
				  c->device);
}

static int crypto_run(struct crypto *c, const char *device, struct error *err)
{
	_cleanup_close_ int fd = -1;
	off_t end;

	if (drive_wait(device, WAIT_US, c->device, err) < 0)
		return -1;
	fd = drive_open(c->device, true, err);
	end = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
	if (fd < 0 || end < 0)
		return fd < 0 ? -1 : error_set(err, errno, "%s", c->device);
	c->bytes = (uint64_t)end;
	if (crypt_mark_read(fd, &c->mark, err) < 0)
		return error_wrap(err, "%s", c->device);
	close(steal_fd(&fd)); /* the mapping wants it for itself */
	if (c->mark.state == CRYPT_READY)
		return crypto_ready(c, err);
	return c->mark.state == CRYPT_MAKING ? crypto_make(c, err) : crypto_found(c, err);
}

static int key_read(struct crypto *c, struct error *err)
{
	_cleanup_close_ int fd = open(c->key_file, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return error_set(err, errno, "the key file %s", c->key_file);
	n = io_read(fd, c->key, sizeof(c->key));
	if (n < 0)
		return error_set(err, errno, "the key file %s", c->key_file);
	if (n == 0 || (!c->luks && (size_t)n < sizeof(c->key)))
		return error_set(err, 0, "the key file %s has %zd bytes, and %zu are needed", c->key_file, n,
				 c->luks ? (size_t)1 : sizeof(c->key));
	return 0;
}

int main(int argc, char **argv)
{
	_cleanup_error_ struct error err = { 0 }, links = { 0 };
	struct options o = { .key_file = "key" };
	_cleanup_free_ char *key_file = NULL;
	struct crypto c = { 0 };
	int r;

	(void)argc;
	io_fill_standard();
	log_setup("crypto", LOG_LEVEL_INFO, false);
	signal(SIGPIPE, SIG_IGN);
	setenv("DM_DISABLE_UDEV", "1", 1); /* cryptsetup makes its nodes itself: no udev does */
	r = program_line(&program, argv, &o);
	if (r >= 0)
		return r;
	if (!argv[1] || !argv[2] || argv[3])
		return log_error("a name and a device are wanted"), 1;
	key_file = o.key_file[0] == '/' ? strdup(o.key_file) : str_format(KEY_DIR "/%s", o.key_file);
	c = (struct crypto){ .name = argv[1], .key_file = key_file, .luks = o.luks };
	r = !key_file ? error_set(&err, ENOMEM, "%s", o.key_file) : key_read(&c, &err);
	if (r == 0)
		r = crypto_run(&c, argv[2], &err);
	explicit_bzero(c.key, sizeof(c.key));
	if (r == 0 && links_refresh(&links) < 0)
		log_warn("links in " LINKS_DIR ": %s", error_text(&links));
	if (r < 0 && err.code == EBUSY && c.mapped[0]) {
		log_info("%s", error_text(&err));
		return 0;
	}
	if (r < 0)
		log_error("%s", error_text(&err));
	return r < 0 ? 1 : 0;
}
