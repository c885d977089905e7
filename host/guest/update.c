/* `pith update`: the two systems of a running machine's disk. The guest's pith-update does it; the file is checked
 * here, whole, before the machine hears of it, and then is that program's input. */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client.h"
#include "command.h"
#include "io.h"
#include "log.h"
#include "place.h"
#include "progress.h"
#include "str.h"
#include "update.h"

#define PROGRAM "/usr/bin/pith-update"

enum { STATUS_NO_PROGRAM = 127, CHUNK = 256 << 10 };

struct options {
	bool reboot, rollback, status;
};

static const struct option update_table[] = {
	{ "reboot", .set = option_set_switch, .field = offsetof(struct options, reboot),
	  .help = "start the machine again, with the other system" },
	{ "rollback", .set = option_set_switch, .field = offsetof(struct options, rollback),
	  .help = "write nothing: the next boot takes the other system" },
	{ "status", .set = option_set_switch, .field = offsetof(struct options, status),
	  .help = "only show both systems" },
	{ 0 },
};

/* --- the file ----------------------------------------------------------------------------------------------------- */

static int part_check(int fd, const struct update_part *part, const char *name, const char *what, uint8_t *chunk,
		      struct error *err)
{
	char hex[SHA256_HEX];
	struct sha256 sum;

	sha256_begin(&sum);
	for (uint64_t left = part->size; left > 0;) {
		size_t n = left < CHUNK ? (size_t)left : CHUNK;
		ssize_t r = io_read(fd, chunk, n);

		if (r != (ssize_t)n)
			return error_set(err, r < 0 ? errno : EIO, "%s", name);
		sha256_add(&sum, chunk, n);
		progress_add(n);
		left -= n;
	}
	sha256_end(&sum, hex);
	if (!str_eq(hex, part->sha256))
		return error_say(err, EBADMSG,
				 "%s: its %s is damaged: it does not have the digest that the header tells", name,
				 what);
	return 0;
}

/* The file is at its beginning afterwards. */
static int file_check(int fd, const char *name, struct error *err)
{
	_cleanup_progress_ struct progress progress = { 0 };
	_cleanup_free_ uint8_t *chunk = malloc(CHUNK);
	uint8_t header[UPDATE_HEADER];
	struct update u;
	struct stat st;
	ssize_t n;

	if (!chunk)
		return error_set(err, ENOMEM, "%s", name);
	if (fstat(fd, &st) < 0)
		return error_set(err, errno, "%s", name);
	if (!S_ISREG(st.st_mode))
		return error_say(err, EINVAL, "%s is no file", name);
	n = io_read(fd, header, sizeof(header));
	if (n < 0)
		return error_set(err, errno, "%s", name);
	memset(header + n, 0, sizeof(header) - (size_t)n);
	if (update_parse(header, &u, err) < 0)
		return error_wrap(err, "%s", name);
	if ((uint64_t)st.st_size != UPDATE_HEADER + u.kernel.size + u.root.size)
		return error_say(err, EBADMSG, "%s has %llu bytes, and its header tells of %llu: it is damaged", name,
				 (unsigned long long)st.st_size,
				 (unsigned long long)(UPDATE_HEADER + u.kernel.size + u.root.size));
	progress_begin(&progress, PROGRESS_READS, u.kernel.size + u.root.size, "checking %s", name);
	if (part_check(fd, &u.kernel, name, "kernel", chunk, err) < 0 ||
	    part_check(fd, &u.root, name, "root", chunk, err) < 0)
		return -1;
	return lseek(fd, 0, SEEK_SET) < 0 ? error_set(err, errno, "%s", name) : 0;
}

/* It becomes our standard input, which is the guest program's. */
static int file_take(const char *name, struct error *err)
{
	_cleanup_close_ int fd = open(name, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return error_set(err, errno, "%s", name);
	if (file_check(fd, name, err) < 0)
		return -1;
	return dup2(fd, STDIN_FILENO) < 0 ? error_set(err, errno, "%s", name) : 0;
}

/* --- the machine -------------------------------------------------------------------------------------------------- */

static int guest_run(const struct options *o, const char *dir, bool install, struct error *err)
{
	struct client_command c = { .request = { .hangup = true }, .input = install };
	_cleanup_strv_ char **args = NULL;
	int status = 1;

	if (strv_add(&args, PROGRAM) < 0 || (o->reboot && strv_add(&args, "--reboot") < 0) ||
	    strv_add(&args,
		     install               ? "install"
			     : o->rollback ? "rollback"
					   : "status") < 0 ||
	    (install && strv_add(&args, "-") < 0))
		return error_set(err, ENOMEM, "arguments"), 1;
	c.request.args = args;
	client_run(dir, &c, &status, err);
	if (err->msg && status == STATUS_NO_PROGRAM)
		error_say(err, ENOENT,
			  "this machine cannot be updated: it has no " PROGRAM
			  " (pith/update in the YAML's init section, "
			  "and a disk of `pith build --format raw-efi --ab`)");
	return err->msg ? 1 : status;
}

static int words_check(const struct options *o, char **words, struct error *err)
{
	bool install = !o->rollback && !o->status;

	if (!words[0])
		return error_set(err, 0, "which machine? pith update STATE FILE");
	if (install && !words[1])
		return error_set(err, 0,
				 "which update? pith update STATE FILE; `pith build --format update` makes one");
	if (words[install ? 2 : 1])
		return error_set(err, 0, "\"%s\" is one too many: pith update %s", words[install ? 2 : 1],
				 install             ? "STATE FILE"
					 : o->status ? "--status STATE"
						     : "--rollback STATE");
	if (o->status && (o->reboot || o->rollback))
		return error_set(err, 0, "--status only shows: leave out --reboot and --rollback");
	return 0;
}

static int update_run(const struct options *o, char **words)
{
	_cleanup_error_ struct error err = { 0 };
	_cleanup_free_ char *dir = NULL;
	bool install = !o->rollback && !o->status;
	int status = 1;

	if (words_check(o, words, &err) < 0)
		return command_refuse(&err);
	dir = place_find(words[0], &err);
	if (dir && (!install || file_take(words[1], &err) == 0))
		status = guest_run(o, dir, install, &err);
	if (err.msg)
		log_error("%s", err.msg);
	return status;
}

static int update_main(const struct command *c, char **argv)
{
	struct options o = { 0 };
	int status = command_line(c, argv, &o);

	return status < 0 ? update_run(&o, argv + 1) : status;
}

static const char *const update_usage[] = { "[--reboot] STATE FILE", "--rollback [--reboot] STATE", "--status STATE",
					    NULL };

const struct command update_command = {
	.name = "update",
	.summary = "replace the system of a running machine that has two",
	.usage = update_usage,
	.text = "Writes an update (`pith build --format update`) into the system of the machine's disk that does not "
		"run, "
		"and has the boot loader start it next. A system that is not ready in time, three times, is given up, "
		"and "
		"the machine starts the one before. The disk is one of `pith build --format raw-efi --ab`.",
	.options = update_table,
	.run = update_main,
};
