#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <zstd.h>

#include "guard.h"
#include "io.h"
#include "outfile.h"
#include "sink.h"
#include "str.h"
#include "stream.h"
#include "tap.h"
#include "toollog.h"
#include "zip.h"

static bool fine; /* of the last call: its error is looked at in the same ok() */

static char dir[] = "/tmp/test_stream.XXXXXX";

static char *file_of(const char *name, const void *data, size_t n)
{
	char *path = str_format("%s/%s", dir, name);

	file_write(path, data, n, 0644, NULL);
	return path;
}

/* Compresses into a file. */
static char *zipped(const char *name, enum zip zip, const void *data, size_t n)
{
	char *path = str_format("%s/%s", dir, name);
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	_cleanup_sink_ struct sink *file = sink_to_fd(fd, path, NULL), *z = zip_sink(file, zip, 0, NULL);

	ok(sink_write(z, data, n, NULL) == 0 && sink_finish(z, NULL) == 0 && sink_finish(file, NULL) == 0,
	   "%s is compressed", name);
	return path;
}

static int unzip_file(const char *path, struct buf *out, struct error *err)
{
	struct stream *s = stream_from_file(path, err);
	int r;

	s = s ? stream_unzip(s, err) : NULL;
	r = s ? stream_read_all(s, 8 << 20, out, err) : -1;
	stream_close(s);
	return r;
}

static void test_unzip(void)
{
	static const struct {
		const char *name;
		enum zip zip;
	} kinds[] = { { "none", ZIP_NONE }, { "gzip", ZIP_GZIP }, { "zstd", ZIP_ZSTD } };
	_cleanup_buf_ struct buf data = { 0 };

	for (int i = 0; i < 60000; i++)
		buf_addf(&data, "line %d\n", i * 7919);
	for (size_t i = 0; i < array_len(kinds); i++) {
		_cleanup_free_ char *path = zipped(kinds[i].name, kinds[i].zip, buf_bytes(&data), data.len);
		_cleanup_free_ char *again = zipped("again", kinds[i].zip, buf_bytes(&data), data.len);
		_cleanup_buf_ struct buf got = { 0 }, raw = { 0 }, raw2 = { 0 }, none = { 0 };
		_cleanup_error_ struct error err = { 0 };

		fine = unzip_file(path, &got, &err) == 0 && got.len == data.len &&
			memcmp(buf_bytes(&got), buf_bytes(&data), got.len) == 0;
		ok(fine, "%s comes back as it was (%s)", kinds[i].name, error_text(&err));
		file_read(path, 8 << 20, &raw, NULL);
		file_read(again, 8 << 20, &raw2, NULL);
		ok(raw.len == raw2.len && memcmp(buf_bytes(&raw), buf_bytes(&raw2), raw.len) == 0,
		   "and is the same every time");
		if (kinds[i].zip == ZIP_NONE)
			continue;
		/* twice in a row: members and frames follow each other */
		buf_add(&raw2, buf_bytes(&raw), raw.len);
		_cleanup_free_ char *twice = file_of("twice", buf_bytes(&raw2), raw2.len);
		buf_clear(&got);
		ok(unzip_file(twice, &got, &err) == 0 && got.len == 2 * data.len, "two of them in a row are read");
		_cleanup_free_ char *cut = file_of("cut", buf_bytes(&raw), raw.len - 3);
		fine = unzip_file(cut, &none, &err) < 0 && strstr(error_text(&err), "ends early");
		ok(fine, "one cut short is an error: %s", error_text(&err));
		buf_bytes(&raw)[raw.len / 2] ^= 0x55;
		_cleanup_free_ char *broken = file_of("broken", buf_bytes(&raw), raw.len);
		buf_clear(&none);
		fine = unzip_file(broken, &none, &err) < 0 && strstr(error_text(&err), "damaged");
		ok(fine, "a flipped bit is an error: %s", error_text(&err));
	}
}

/* Blocks of gzip.c are 128 KiB: what ends at one or beside it, more than wait for a processor, and bytes that do not
 * shrink. */
static void test_gzip_blocks(void)
{
	static const size_t sizes[] = { 0, 1, (128 << 10) - 1, 128 << 10, (128 << 10) + 1, 7 << 20 };
	_cleanup_free_ uint8_t *noise = malloc(7 << 20);
	uint32_t seed = 1;

	for (size_t i = 0; i < 7 << 20; i++)
		noise[i] = (uint8_t)((seed = seed * 1664525 + 1013904223) >> 24);
	for (size_t i = 0; i < array_len(sizes); i++) {
		_cleanup_free_ char *path = zipped("blocks", ZIP_GZIP, noise, sizes[i]);
		_cleanup_error_ struct error err = { 0 };
		_cleanup_buf_ struct buf got = { 0 };

		fine = unzip_file(path, &got, &err) == 0 && got.len == sizes[i] &&
			(!sizes[i] || memcmp(buf_bytes(&got), noise, sizes[i]) == 0);
		ok(fine, "%zu bytes that do not shrink come back (%s)", sizes[i], error_text(&err));
	}
}

/* Words that come again far away and near by, and noise between them. */
static uint8_t *text_and_noise(size_t n)
{
	uint8_t *bytes = malloc(n);
	uint32_t seed = 7;

	for (size_t i = 0; i < n; i++) {
		seed = seed * 1664525 + 1013904223;
		bytes[i] = (i >> 15) % 3 ? (uint8_t)(seed >> 24) : (uint8_t)("pith makes machines. "[i % 21]);
		if ((i >> 15) % 3 == 1 && i > 700000)
			bytes[i] = bytes[i - 700000];
	}
	return bytes;
}

static char *zipped_on(const char *name, enum zip zip, int level, size_t processors, const uint8_t *data, size_t n)
{
	char *path = str_format("%s/%s", dir, name);
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	_cleanup_sink_ struct sink *file = sink_to_fd(fd, path, NULL),
				   *z = zip_sink_on(file, zip, level, processors, NULL);
	size_t part = 1;

	/* in parts of all lengths: how much comes at once makes no difference either */
	for (size_t at = 0; at < n; at += part, part = part * 3 % 100003 + processors) {
		part = part < n - at ? part : n - at;
		if (sink_write(z, data + at, part, NULL) < 0)
			break;
	}
	ok(sink_finish(z, NULL) == 0 && sink_finish(file, NULL) == 0, "%s is compressed on %zu processors", name,
	   processors);
	return path;
}

/* The kernel takes one frame of zstd, and nothing behind it. */
static void test_processors(void)
{
	enum { N = 5 << 20 };
	static const struct {
		enum zip zip;
		int level;
	} rows[] = { { ZIP_GZIP, 0 }, { ZIP_ZSTD, 1 }, { ZIP_ZSTD, 0 }, { ZIP_ZSTD, 15 } };
	_cleanup_free_ uint8_t *data = text_and_noise(N);

	for (size_t i = 0; i < array_len(rows); i++) {
		_cleanup_free_ char *one = zipped_on("one", rows[i].zip, rows[i].level, 1, data, N);
		_cleanup_buf_ struct buf want = { 0 }, got = { 0 };

		ok(unzip_file(one, &got, NULL) == 0 && got.len == N && memcmp(buf_bytes(&got), data, N) == 0,
		   "it comes back");
		file_read(one, N, &want, NULL);
		if (rows[i].zip == ZIP_ZSTD)
			ok(ZSTD_findFrameCompressedSize(buf_bytes(&want), want.len) == want.len, "it is one frame");
		for (size_t processors = 2; processors < 64; processors *= 5) {
			_cleanup_free_ char *more = zipped_on("more", rows[i].zip, rows[i].level, processors, data, N);
			_cleanup_buf_ struct buf same = { 0 };

			file_read(more, N, &same, NULL);
			ok(same.len == want.len && memcmp(buf_bytes(&same), buf_bytes(&want), want.len) == 0,
			   "and has the same bytes");
		}
	}
}

static void test_skip(void)
{
	enum { N = 300000 };
	_cleanup_free_ uint8_t *data = text_and_noise(N);
	static const char *const names[] = { "none", "gzip" };
	uint8_t byte;

	for (enum zip zip = ZIP_NONE; zip <= ZIP_GZIP; zip++) {
		_cleanup_free_ char *path = zipped(names[zip], zip, data, N);
		_cleanup_error_ struct error err = { 0 };
		struct stream *s = stream_unzip(stream_from_file(path, NULL), NULL);
		bool right = true;

		/* what was read ahead, near and far, and to the last byte */
		right = stream_skip(s, 100, NULL) == 0 && stream_read(s, &byte, 1, NULL) == 1 && byte == data[100];
		right = right && stream_skip(s, 200000, NULL) == 0 && stream_read(s, &byte, 1, NULL) == 1 &&
			byte == data[200101];
		right = right && stream_skip(s, N - 200102, NULL) == 0 && stream_read(s, &byte, 1, NULL) == 0;
		ok(right, "%s: bytes are skipped", names[zip]);
		ok(stream_skip(s, 1, &err) < 0 && err.code == EPIPE, "but not beyond the end");
		ok(stream_skip(s, 100000, &err) < 0 && err.code == EPIPE, "nor far beyond it");
		stream_close(s);
	}
}

#define ABC_SHA512                                                                                         \
	"sha512:"                                                                                          \
	"ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd" \
	"454d4423643ce80e2a9ac94fa54ca49f"
#define ABC_SHA256 "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static void verify_row(const char *what, const char *digest, uint64_t size, const char *message)
{
	_cleanup_free_ char *path = file_of("abc", "abc", 3);
	_cleanup_error_ struct error err = { 0 };
	_cleanup_buf_ struct buf got = { 0 };
	struct stream *s = stream_verify(stream_from_file(path, &err), digest, size, "abc", &err);
	int r = s ? stream_read_all(s, 100, &got, &err) : -1;

	stream_close(s);
	ok(message ? r < 0 && strstr(error_text(&err), message) : r == 0, "%s: %s", what,
	   r < 0 ? error_text(&err) : "fine");
}

static void test_verify(void)
{
	verify_row("right digest and size", ABC_SHA256, 3, NULL);
	verify_row("right digest, size unknown", ABC_SHA256, UINT64_MAX, NULL);
	verify_row("size too large", ABC_SHA256, 4, "3 bytes, not the 4");
	verify_row("size too small", ABC_SHA256, 2, "more than the 2 bytes");
	verify_row("wrong digest", "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ae", 3,
		   "damaged");
	verify_row("sha512", ABC_SHA512, 3, NULL);
}

static size_t count_files(const char *path)
{
	_cleanup_closedir_ DIR *d = opendir(path);
	size_t n = 0;

	while (d && readdir(d))
		n++;
	return n - 2;
}

static void test_outfile(void)
{
	_cleanup_free_ char *sub = str_format("%s/out", dir), *path = str_format("%s/out/file", dir);
	_cleanup_error_ struct error err = { 0 };
	_cleanup_outfile_ struct outfile f = OUTFILE_INIT;
	_cleanup_buf_ struct buf got = { 0 };
	struct stat st;

	mkdir(sub, 0755);
	file_write(path, "old", 3, 0644, NULL);
	ok(outfile_open(&f, path, &err) == 0 && io_write(f.fd, "new", 3) == 0, "an output is opened");
	outfile_discard(&f);
	file_read(path, 10, &got, NULL);
	ok_str(buf_text(&got), "old", "a discarded one leaves the old");
	ok(count_files(sub) == 1, "and nothing else");
	outfile_open(&f, path, &err);
	io_write(f.fd, "new", 3);
	fine = outfile_commit(&f, 0640, &err) == 0;
	ok(fine, "an output is committed (%s)", error_text(&err));
	buf_clear(&got);
	file_read(path, 10, &got, NULL);
	ok_str(buf_text(&got), "new", "and replaces the old");
	ok(stat(path, &st) == 0 && (st.st_mode & 0777) == 0640 && count_files(sub) == 1, "with its mode, alone");
	ok(outfile_open(&f, sub, &err) < 0 && err.code == EISDIR, "a directory is refused");
	_cleanup_free_ char *nowhere = str_format("%s/missing/file", dir);
	fine = outfile_open(&f, nowhere, &err) < 0 && err.code == ENOENT;
	ok(fine, "a missing directory is refused: %s", error_text(&err));
	fine = outfile_open(&f, "/dev/full/x", &err) < 0;
	ok(fine, "a file as directory is refused: %s", error_text(&err));
}

/* What is there and no regular file stays what it is. */
static void test_outfile_kept(void)
{
	_cleanup_free_ char *fifo = str_format("%s/kept-fifo", dir), *link = str_format("%s/kept-link", dir),
			    *target = str_format("%s/kept-target", dir);
	_cleanup_error_ struct error err = { 0 };
	_cleanup_outfile_ struct outfile f = OUTFILE_INIT;
	_cleanup_close_ int reader = -1;
	char got[8] = "";
	struct stat st;

	mkfifo(fifo, 0600);
	reader = open(fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ok(outfile_open(&f, fifo, &err) == 0 && io_write(f.fd, "new", 3) == 0 && read(reader, got, 8) == 0,
	   "a fifo gets nothing before all is there");
	ok(outfile_commit(&f, 0644, &err) == 0 && read(reader, got, 8) == 3 && str_eq(got, "new"), "then the whole");
	ok(lstat(fifo, &st) == 0 && S_ISFIFO(st.st_mode), "and stays a fifo");
	ok(symlink("kept-target", link) == 0 && outfile_open(&f, link, &err) == 0 && io_write(f.fd, "new", 3) == 0 &&
		   outfile_commit(&f, 0644, &err) == 0,
	   "an output through a link to nothing");
	ok(lstat(link, &st) == 0 && S_ISLNK(st.st_mode) && stat(target, &st) == 0 && st.st_size == 3,
	   "makes what it leads to");
	unlink(target);
	ok(symlink("kept-link", target) == 0 && outfile_open(&f, link, &err) < 0 && err.code == ELOOP,
	   "a link to itself is refused: %s", error_text(&err));
	outfile_open(&f, "/dev/full", &err);
	io_write(f.fd, "new", 3);
	error_clear(&err);
	ok(outfile_commit(&f, 0644, &err) < 0 && err.code == ENOSPC, "a full device is an error: %s", error_text(&err));
}

static bool gone_within(const char *path, int ms)
{
	struct timespec tick = { .tv_nsec = 1000000 };

	for (; ms > 0 && access(path, F_OK) == 0; ms--)
		nanosleep(&tick, NULL);
	return access(path, F_OK) < 0;
}

/* A child that makes a guarded tree and ends as `how` says. */
static void guard_row(const char *what, int how)
{
	_cleanup_free_ char *path = str_format("%s/guarded", dir), *inner = str_format("%s/guarded/a", dir);
	pid_t pid;
	int status, pipe_fds[2];
	char byte;

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return;
	mkdir(path, 0700);
	pid = fork();
	if (pid == 0) {
		int guard = guard_start(path, NULL);

		mkdir(inner, 0700);
		if (guard < 0 || write(pipe_fds[1], "", 1) < 0)
			_exit(1);
		if (how == 0)
			_exit(0);
		for (;;)
			pause();
	}
	close(pipe_fds[1]);
	ok(read(pipe_fds[0], &byte, 1) == 1, "%s: guarded", what);
	close(pipe_fds[0]);
	if (how)
		kill(pid, how);
	waitpid(pid, &status, 0);
	ok(gone_within(path, 10000), "%s: removed", what);
}

static void test_set(void)
{
	_cleanup_outfile_set_ struct outfile_set set = { 0 };
	_cleanup_free_ char *a = str_format("%s/set-a", dir), *b = str_format("%s/set-b", dir),
			    *old = str_format("%s/set-old", dir);
	_cleanup_outfile_ struct outfile out = OUTFILE_INIT;

	file_write(a, "before", 6, 0644, NULL);
	file_write(old, "old", 3, 0644, NULL);
	outfile_open(&out, a, NULL);
	ok(outfile_keep(&set, &out, 0640, NULL) == 0 && out.fd == -1 && outfile_set_has(&set, a), "a file waits");
	outfile_open(&out, b, NULL);
	ok(outfile_keep(&set, &out, 0644, NULL) == 0 && access(b, F_OK) < 0 && !outfile_set_has(&set, old),
	   "for another");
	ok(outfile_set_remove(&set, old, NULL) == 0 && access(old, F_OK) == 0, "and one is to go");
	outfile_set_discard(&set);
	ok(access(b, F_OK) < 0 && access(old, F_OK) == 0 && set.count == 0, "dropped, nothing has changed");
	outfile_open(&out, b, NULL);
	outfile_keep(&set, &out, 0644, NULL);
	outfile_set_remove(&set, old, NULL);
	outfile_set_remove(&set, old, NULL);
	ok(outfile_set_commit(&set, NULL) == 0 && access(b, F_OK) == 0 && access(old, F_OK) < 0, "committed, all has");
	outfile_open(&out, a, NULL);
	ok(outfile_keep(NULL, &out, 0600, NULL) == 0 && out.fd == -1, "without a set a file is in place at once");
}

static void test_guard(void)
{
	_cleanup_temp_dir_ struct temp_dir d = TEMP_DIR_INIT;
	_cleanup_free_ char *path = NULL, *inner = NULL;

	guard_row("a process that ends", 0);
	guard_row("SIGTERM", SIGTERM);
	guard_row("SIGKILL", SIGKILL);
	ok(temp_dir_make(&d, dir, NULL) == 0, "a temporary directory is made");
	path = strdup(d.path);
	inner = str_format("%s/x", path);
	file_write(inner, "x", 1, 0600, NULL);
	temp_dir_remove(&d);
	ok(access(path, F_OK) < 0, "and removed at once when it is done with");
}

static void test_sinks(void)
{
	_cleanup_sink_ struct sink *l = sink_digest_as(NULL, "sha512:", NULL);
	_cleanup_sink_ struct sink *d = sink_digest(l, NULL);
	_cleanup_close_ int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	_cleanup_sink_ struct sink *f = sink_to_fd(full, "the output", NULL);
	_cleanup_error_ struct error err = { 0 };

	sink_write(d, "a", 1, NULL);
	sink_write(d, "bc", 2, NULL);
	ok(sink_finish(d, NULL) == 0 && sink_finish(d, NULL) == 0, "a digest is finished, twice even");
	ok_str(sink_digest_text(d), ABC_SHA256, "the digest");
	ok(sink_finish(l, NULL) == 0, "the one behind it too");
	ok_str(sink_digest_text(l), ABC_SHA512, "a digest of sha512");
	fine = sink_zero(f, 1000, &err) == 0 && sink_finish(f, &err) < 0 && err.code == ENOSPC;
	ok(fine, "a full disk is told: %s", error_text(&err));
}

static void test_toollog(void)
{
	static const struct {
		const char *said, *reason;
	} rows[] = {
		{ "", NULL },
		{ "\n\n", NULL },
		{ "one\ntwo\n", "two" },
		{ "time=\"x\" level=fatal msg=short\nbye\n", "short" },
		{ "level=info msg=a\ntime=1 level=fatal msg=\"no \\\"such\\\" thing\" code=1\n", "no \"such\" thing" },
		{ "level=fatal msg=\"never ends\\", "never ends\\" },
		{ "level=fatal msg=\"", "" },
	};
	size_t i;

	for (i = 0; i < array_len(rows); i++) {
		_cleanup_close_ int fd = toollog_open(NULL);
		_cleanup_free_ char *reason = NULL;

		if (fd < 0 || io_write(fd, rows[i].said, strlen(rows[i].said)) < 0)
			abort();
		reason = toollog_reason(fd);
		ok_str(reason, rows[i].reason, "why a tool failed");
	}
}

int main(void)
{
	if (!mkdtemp(dir))
		return 1;
	test_unzip();
	test_gzip_blocks();
	test_processors();
	test_skip();
	test_verify();
	test_outfile();
	test_outfile_kept();
	test_set();
	test_guard();
	test_sinks();
	test_toollog();
	dir_remove(dir, NULL);
	return tap_done();
}
