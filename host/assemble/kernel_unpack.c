/* Unpacking by the distribution's programs: the packed kernel goes into a file (such a program may want to seek), its
 * output comes through a pipe, counted, into another. */
#include "kernel_unpack.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "io.h"
#include "outfile.h"
#include "process.h"
#include "spawn.h"
#include "str.h"
#include "toollog.h"

enum { CHUNK = 64 << 10 };

/* Each reads standard input and writes standard output. xz: bytes behind the first stream are ignored. */
static const struct {
	const char *argv[6];
	const char *package; /* Debian's, for a message */
} programs[] = {
	[KERNEL_ZIP_XZ] = { { "xz", "-dc", "--single-stream" }, "xz-utils" },
	[KERNEL_ZIP_LZMA] = { { "xz", "-dc", "--format=lzma" }, "xz-utils" },
	[KERNEL_ZIP_BZIP2] = { { "bzip2", "-dc" }, "bzip2" },
	[KERNEL_ZIP_LZ4] = { { "lz4", "-dcq" }, "lz4" },
	[KERNEL_ZIP_LZO] = { { "lzop", "-dcq" }, "lzop" },
};
static_assert(array_len(programs) == KERNEL_ZIP_LZO + 1, "every method has its program");

/* --- a file without a name as a source --- */

struct unpacked {
	struct source source;
	int fd;
};

static struct stream *unpacked_open(struct source *src, struct error *err)
{
	_cleanup_free_ char *path = str_format("/proc/self/fd/%d", ((struct unpacked *)src)->fd);

	if (!path) {
		error_set(err, ENOMEM, "kernel");
		return NULL;
	}
	return stream_from_file(path, err); /* opened anew: a position of its own */
}

static void unpacked_free(struct source *src)
{
	close(((struct unpacked *)src)->fd);
	free(src);
}

static struct source *unpacked_new(const char *path, struct error *err)
{
	struct unpacked *u = calloc(1, sizeof *u);

	if (!u) {
		error_set(err, ENOMEM, "kernel");
		return NULL;
	}
	u->source = (struct source){ unpacked_open, unpacked_free, 1 };
	u->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (u->fd >= 0)
		return &u->source;
	error_set(err, errno, "%s", path);
	free(u);
	return NULL;
}

/* --- the program --- */

/* What the program writes, up to the bound. */
static int take_output(int from, int to, struct error *err)
{
	_cleanup_free_ uint8_t *chunk = malloc(CHUNK);
	uint64_t total = 0;
	ssize_t n;

	if (!chunk)
		return error_set(err, ENOMEM, "kernel");
	while ((n = io_read(from, chunk, CHUNK)) > 0) {
		total += (uint64_t)n;
		if (total > KERNEL_MAX)
			return error_say(err, E2BIG, "it unpacks to more than %u MiB", (unsigned)(KERNEL_MAX >> 20));
		if (io_write(to, chunk, (size_t)n) < 0)
			return error_set(err, errno, "writing the kernel");
	}
	return n < 0 ? error_set(err, errno, "reading the kernel") : 0;
}

static int wait_for(pid_t pid, enum kernel_zip zip, int log, struct error *err)
{
	const char *program = programs[zip].argv[0];
	_cleanup_free_ char *line = NULL;
	int status;

	status = child_reap(pid);
	if (status < 0)
		return error_set(err, errno, "%s", program);
	if (status == 0)
		return 0;
	line = toollog_reason(log);
	return error_say(err, 0, "%s failed (%s)%s%s", program, spawn_status_text(status), line ? ": " : "",
			 line ? line : "");
}

static pid_t unpacker_start(enum kernel_zip zip, int from, int to, int log, struct error *err)
{
	const struct spawn_fd fds[] = { { from, 0 }, { to, 1 }, { log, 2 } };
	char *const *argv = (char *const *)programs[zip].argv;
	struct spawn s = { .path = argv[0], .argv = argv, .fds = fds, .fd_count = 3, .death_signal = SIGKILL };
	_cleanup_error_ struct error why = { 0 };
	pid_t pid = spawn(&s, &why);

	if (pid < 0 && why.code == ENOENT)
		return error_say(err, ENOENT, "%s is not installed (Debian package %s)", argv[0],
				 programs[zip].package);
	return pid < 0 ? error_move(err, &why) : pid;
}

static int unpacker_run(enum kernel_zip zip, int from, int to, struct error *err)
{
	_cleanup_close_ int log = toollog_open(err), ours = -1, theirs = -1;
	int ends[2];
	pid_t pid;

	if (log < 0)
		return -1;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_set(err, errno, "kernel");
	ours = ends[0];
	theirs = ends[1];
	pid = unpacker_start(zip, from, theirs, log, err);
	if (pid < 0)
		return -1;
	close(steal_fd(&theirs));
	if (take_output(ours, to, err) < 0) {
		kill(pid, SIGKILL);
		wait_for(pid, zip, log, NULL);
		return -1;
	}
	return wait_for(pid, zip, log, err);
}

struct source *kernel_unpack(enum kernel_zip zip, struct stream *in, struct error *err)
{
	_cleanup_temp_dir_ struct temp_dir dir = TEMP_DIR_INIT;
	_cleanup_free_ char *packed = NULL, *plain = NULL;
	_cleanup_close_ int from = -1, to = -1;

	if (temp_dir_make(&dir, NULL, err) < 0)
		return NULL;
	packed = str_format("%s/packed", dir.path);
	plain = str_format("%s/plain", dir.path);
	from = packed ? open(packed, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1;
	to = plain ? open(plain, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1;
	if (from < 0 || to < 0) {
		error_set(err, errno, "%s", dir.path);
		return NULL;
	}
	if (stream_copy(in, from, NULL, err) < 0)
		return NULL;
	if (lseek(from, 0, SEEK_SET) < 0) {
		error_set(err, errno, "%s", packed);
		return NULL;
	}
	return unpacker_run(zip, from, to, err) < 0 ? NULL : unpacked_new(plain, err);
}
