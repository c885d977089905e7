/* Systems for disks with two of them, and updates.
 *
 * A system is a kernel (a unified kernel image) and a root (an erofs image in a slot of the disk). The kernel's initrd
 * holds /init and the UUID of the root, nothing else: /init looks for the root on all disks. The UUID is made of the
 * content of both, so that it names this pair alone. The two systems of a new disk differ in nothing but it; an update
 * is the first of them. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "formats_private.h"
#include "io.h"
#include "media.h"
#include "update.h"

/* What looks for the root, and what says that a system is good. */
#define SLOT_WORD   "slot"
#define SLOT_UPDATE "usr/bin/pith-update"

/* A kernel that panics has to start again, so that the boot loader counts. */
#define PANIC_WORD "panic=10"

struct systems {
	struct media_system of[MEDIA_SYSTEMS];
	char *root, *kernels[MEDIA_SYSTEMS];
};

void systems_free(struct systems *s)
{
	if (!s)
		return;
	free(s->root);
	for (int i = 0; i < MEDIA_SYSTEMS; i++)
		free(s->kernels[i]);
	free(s);
}

int systems_suit(const struct outputs *x, const char *format, struct error *err)
{
	if (x->o->initrd != INITRD_AUTO && x->o->initrd != INITRD_EROFS)
		return error_set(err, 0, "%s: its root is an erofs image in a slot of the disk: leave out --initrd",
				 format);
	if (!init_program(x) || !init_can(x, SLOT_WORD))
		return error_say(err, ENOTSUP, "%s: the init images cannot start a root in a slot; pith/init can",
				 format);
	if (!kernel_can(x, "erofs"))
		return error_say(err, ENOTSUP,
				 "%s: the kernel image does not say that it can mount erofs "
				 "(label org.pith.kernel.root)",
				 format);
	if (!tree_resolve(x->a->tree, "", SLOT_UPDATE))
		return error_say(err, ENOENT,
				 "%s: nothing would say that a system is good: add pith/update to the YAML's init "
				 "section",
				 format);
	return 0;
}

/* --- what a file has ------------------------------------------------------------------------------------------------
 */

static int file_digest(const char *path, struct update_part *out, struct error *err)
{
	_cleanup_stream_ struct stream *s = stream_from_file(path, err);
	_cleanup_sink_ struct sink *sum = sink_digest(NULL, err);
	_cleanup_free_ uint8_t *chunk = malloc(64 << 10);
	ssize_t n;

	if (!s || !sum)
		return -1;
	if (!chunk)
		return error_set(err, ENOMEM, "%s", path);
	out->size = 0;
	while ((n = s->read(s, chunk, 64 << 10, err)) > 0) {
		if (sink_write(sum, chunk, (size_t)n, err) < 0)
			return -1;
		out->size += (uint64_t)n;
	}
	if (n < 0 || sink_finish(sum, err) < 0)
		return -1;
	snprintf(out->sha256, sizeof(out->sha256), "%s", sink_digest_text(sum) + strlen("sha256:"));
	return 0;
}

static int root_write(const struct outputs *x, const char *path, struct error *err)
{
	_cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	struct stat st;

	if (fd < 0)
		return error_set(err, errno, "%s", path);
	if (tree_write_erofs(x->a->tree, fd, err) < 0)
		return -1;
	if (fstat(fd, &st) < 0 || ftruncate(fd, (st.st_size + UPDATE_BLOCK - 1) / UPDATE_BLOCK * UPDATE_BLOCK) < 0)
		return error_set(err, errno, "%s", path);
	return 0;
}

/* Of everything that the system is made of, and which of the two it is. */
static int uuid_make(const char *root, const char *kernel, const char *cmdline, int which, uint8_t out[16],
		     struct error *err)
{
	_cleanup_free_ char *text = str_format("pith system %c\n%s\n%s\n%s\n", 'a' + which, root, kernel, cmdline);
	char hex[SHA256_HEX];

	if (!text)
		return error_set(err, ENOMEM, "UUID");
	sha256_hex(text, strlen(text), hex);
	for (int i = 0; i < 16; i++)
		out[i] = (uint8_t)(uuid_digit(hex[2 * i]) << 4 | uuid_digit(hex[2 * i + 1]));
	out[6] = (uint8_t)(0x80 | (out[6] & 0x0f)); /* version 8: made by a rule of one's own (RFC 9562) */
	out[8] = (uint8_t)(0x80 | (out[8] & 0x3f));
	return 0;
}

/* --- systems --------------------------------------------------------------------------------------------------------
 */

/* A word of its own: softlockup_panic= is another one. */
static bool cmdline_panics(const char *line)
{
	for (const char *at = line; (at = strstr(at, "panic=")); at++)
		if (at == line || strchr(" \n", at[-1]))
			return true;
	return false;
}

static char *system_cmdline(const struct outputs *x, struct error *err)
{
	_cleanup_free_ char *line = NULL;
	char *with;

	if (boot_cmdline(x, NULL, &line, err) < 0)
		return NULL;
	if (cmdline_panics(line))
		return steal_ptr(&line);
	/* in between they separate words (cmdline_check) */
	for (size_t n = strlen(line); n && line[n - 1] == '\n';)
		line[--n] = '\0';
	with = str_format("%s%s" PANIC_WORD, line, *line ? " " : "");
	if (!with)
		error_set(err, ENOMEM, "command line");
	return with;
}

static int system_kernel(struct outputs *x, const char *cmdline, const uint8_t uuid[16], const char *path,
			 struct error *err)
{
	_cleanup_free_ char *initrd = str_format("%s.initrd", path);
	struct media_boot boot = { .dir = x->temp.path,
				   .kernel = x->kernel,
				   .initrd = initrd,
				   .cmdline = cmdline,
				   .arch = x->o->platform.arch,
				   .time = ASSEMBLY_TIME };
	struct output_initrd how = { .root = OUTPUT_SLOT, .init = init_program(x), .early = x->early };
	char text[UUID_TEXT + 1];

	if (!initrd)
		return error_set(err, ENOMEM, "initrd");
	uuid_format(uuid, text);
	strcat(text, "\n");
	how.slot = text;
	how.ucode = tree_find(x->boot, "ucode.cpio");
	if (output_initrd(x->a->tree, &how, NULL, initrd, err) < 0)
		return -1;
	return media_efi_kernel(&boot, path, err);
}

static int systems_fill(struct outputs *x, struct systems *s, struct error *err)
{
	_cleanup_free_ char *cmdline = NULL;
	struct update_part root, kernel;

	if (boot_kernel(x, err) < 0)
		return -1;
	cmdline = system_cmdline(x, err);
	if (!cmdline)
		return -1;
	s->root = str_format("%s/root.erofs", x->temp.path);
	if (!s->root)
		return error_set(err, ENOMEM, "systems");
	if (root_write(x, s->root, err) < 0 || file_digest(s->root, &root, err) < 0 ||
	    file_digest(x->kernel, &kernel, err) < 0)
		return -1;
	for (int i = 0; i < MEDIA_SYSTEMS; i++) {
		struct media_system *m = &s->of[i];

		s->kernels[i] = str_format("%s/system-%c.efi", x->temp.path, 'a' + i);
		if (!s->kernels[i])
			return error_set(err, ENOMEM, "systems");
		if (uuid_make(root.sha256, kernel.sha256, cmdline, i, m->uuid, err) < 0 ||
		    system_kernel(x, cmdline, m->uuid, s->kernels[i], err) < 0)
			return -1;
		m->kernel = s->kernels[i];
		m->root = s->root;
	}
	return 0;
}

const struct media_system *systems_make(struct outputs *x, struct error *err)
{
	struct systems *s;

	if (x->systems)
		return x->systems->of;
	s = calloc(1, sizeof(*s));
	if (!s) {
		error_set(err, ENOMEM, "systems");
		return NULL;
	}
	if (systems_fill(x, s, err) < 0) {
		systems_free(s);
		return NULL;
	}
	x->systems = s;
	return s->of;
}

/* --- updates --------------------------------------------------------------------------------------------------------
 */

static int part_put(const char *path, const struct update_part *part, int fd, struct error *err)
{
	_cleanup_stream_ struct stream *s = stream_from_file(path, err);
	uint64_t n = 0;

	if (!s || stream_copy(s, fd, &n, err) < 0)
		return -1;
	return n == part->size ? 0 : error_say(err, EIO, "%s changed while it was read", path);
}

static int update_put(const struct media_system *system, const char *arch, int fd, struct error *err)
{
	uint8_t header[UPDATE_HEADER];
	_cleanup_close_ int root = open(system->root, O_RDWR | O_CLOEXEC);
	struct update u = { 0 };

	if (root < 0)
		return error_set(err, errno, "%s", system->root);
	/* a disk gets its own after the copy: what the file has does not matter to it */
	if (media_root_identify(root, 0, system->uuid, err) < 0 || file_digest(system->root, &u.root, err) < 0 ||
	    file_digest(system->kernel, &u.kernel, err) < 0)
		return -1;
	snprintf(u.arch, sizeof(u.arch), "%s", arch);
	uuid_format(system->uuid, u.uuid);
	update_format(&u, header);
	if (io_write(fd, header, sizeof(header)) < 0)
		return error_set(err, errno, "update");
	return part_put(system->kernel, &u.kernel, fd, err) < 0 ? -1 : part_put(system->root, &u.root, fd, err);
}

int write_update(struct outputs *x, struct error *err)
{
	_cleanup_free_ char *path = str_format("%s%s", x->base, format_suffix(FORMAT_UPDATE));
	_cleanup_outfile_ struct outfile file = OUTFILE_INIT;
	const struct media_system *systems;

	if (!path)
		return error_set(err, ENOMEM, "update");
	if (format_begin(path, err) < 0)
		return -1;
	systems = systems_make(x, err);
	if (!systems || outfile_open(&file, path, err) < 0 ||
	    update_put(&systems[0], x->o->platform.arch, file.fd, err) < 0)
		return -1;
	return outfile_keep(&x->set, &file, 0644, err);
}
