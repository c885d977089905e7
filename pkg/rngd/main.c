/* rngd: gives the kernel's random number generator what it starts with, from whatever the machine has.
 *
 * One pass asks every source (sources.h), and the clock where the others have less than a whole seed. With -1 that is
 * all. Otherwise there is another pass whenever the kernel asks for more (/dev/random is writable), which it does until
 * it is seeded for the first time, and every ten minutes: a machine that was copied or restored goes its own way from
 * then on.
 *
 * A seed on the disk (-seed FILE) is mixed in without being counted, since whoever copied the disk has it too, and is
 * replaced at once, so that no two starts have the same. */
#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "buf.h"
#include "confine.h"
#include "io.h"
#include "log.h"
#include "loop.h"
#include "program.h"
#include "sources.h"
#include "str.h"

enum {
	WANTED_BITS = 256, /* the kernel counts itself as seeded with these */
	SEED_BYTES = 512,
};
#define AGAIN_US (600 * 1000000ull)

struct options {
	const char *device, *seed;
	bool once, no_rdrand, no_rdseed;
};

static const struct option options[] = {
	{ "1", .set = option_set_switch, .field = offsetof(struct options, once),
	  .help = "one pass, then the end: for onboot" },
	{ "disable-rdrand", .set = option_set_switch, .field = offsetof(struct options, no_rdrand),
	  .help = "leave that instruction of the processor out" },
	{ "disable-rdseed", .set = option_set_switch, .field = offsetof(struct options, no_rdseed),
	  .help = "leave that instruction of the processor out" },
	{ "hwrng", .argument = "DEVICE", .set = option_set_text, .field = offsetof(struct options, device),
	  .help = "the machine's random number generator, /dev/hwrng" },
	{ "seed", .argument = "FILE", .set = option_set_text, .field = offsetof(struct options, seed),
	  .help = "a seed on a disk, which is replaced by a new one" },
	{ "help", 'h', .help = "print this help" },
	{ 0 },
};

static const struct program program = {
	.name = "rngd",
	.text = "Gives the kernel's random number generator what it starts with.",
	.options = options,
};

struct rngd {
	struct options options;
	struct loop *loop;
	struct loop_io random; /* /dev/random */
	struct loop_timer again;
	int device;
	size_t bytes; /* given so far */
};

/* --- giving ------------------------------------------------------------------------------------------- */

static int sample_give(struct rngd *r, const struct sample *s, struct error *err)
{
	struct {
		struct rand_pool_info info;
		uint8_t data[sizeof(s->data)];
	} pool = { .info = { .entropy_count = (int)s->bits, .buf_size = (int)s->len } };

	memcpy(pool.info.buf, s->data, s->len);
	if (ioctl(r->random.fd, RNDADDENTROPY, &pool.info) < 0)
		return error_set(err, errno, "give the kernel entropy");
	r->bytes += s->len;
	return 0;
}

/* From each source. -1: there was none, or the kernel takes nothing. */
static int sources_give(struct rngd *r, struct error *err)
{
	struct sample s;
	unsigned bits = 0;

	if (!r->options.no_rdseed && source_rdseed(&s)) {
		if (sample_give(r, &s, err) < 0)
			return -1;
		bits += s.bits;
	}
	if (!r->options.no_rdrand && source_rdrand(&s)) {
		if (sample_give(r, &s, err) < 0)
			return -1;
		bits += s.bits;
	}
	if (source_device(r->device, &s)) {
		if (sample_give(r, &s, err) < 0)
			return -1;
		bits += s.bits;
	}
	if (bits < WANTED_BITS && source_jitter(&s)) {
		if (sample_give(r, &s, err) < 0)
			return -1;
		bits += s.bits;
	}
	return bits ? 0 : error_set(err, 0, "no random source is available");
}

/* --- the seed ----------------------------------------------------------------------------------------- */

/* Until the kernel is seeded there is nothing worth keeping. The new one is always written under the same name first:
 * however often somebody is killed there, one such file is left, which the next one writes over. */
static int seed_write(const char *path, struct error *err)
{
	_cleanup_free_ char *new = str_format("%s.new", path);
	_cleanup_close_ int fd = -1;
	uint8_t seed[SEED_BYTES];

	if (!new)
		return error_set(err, ENOMEM, "%s", path);
	if (getrandom(seed, sizeof(seed), GRND_NONBLOCK) != (ssize_t)sizeof(seed))
		return errno == EAGAIN ? 0 : error_set(err, errno, "random numbers for %s", path);
	fd = open(new, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0 || fchmod(fd, 0600) < 0 || io_write(fd, seed, sizeof(seed)) < 0 || fsync(fd) < 0 ||
	    rename(new, path) < 0)
		return error_set(err, errno, "write %s", path);
	return 0;
}

/* Mixed in; a missing one is made. What is wrong with it keeps nobody from the other sources. */
static void seed_give(struct rngd *r)
{
	_cleanup_buf_ struct buf old = { 0 };
	_cleanup_error_ struct error err = { 0 };
	struct sample s = { .len = 0 };

	if (file_read(r->options.seed, sizeof(s.data), &old, &err) == 0 && old.len > 0) {
		memcpy(s.data, buf_bytes(&old), old.len);
		s.len = old.len;
		sample_give(r, &s, &err);
	} else if (err.code == ENOENT) {
		error_clear(&err);
	}
	if (err.msg)
		log_warn("%s", err.msg);
}

static void seed_keep(struct rngd *r)
{
	_cleanup_error_ struct error err = { 0 };

	if (r->options.seed && seed_write(r->options.seed, &err) < 0)
		log_warn("%s", error_text(&err));
}

/* --- the daemon --------------------------------------------------------------------------------------- */

static void pass_run(struct rngd *r)
{
	_cleanup_error_ struct error err = { 0 };

	if (sources_give(r, &err) < 0)
		log_warn("%s", error_text(&err));
	if (loop_timer_after(r->loop, &r->again, AGAIN_US, &err) < 0)
		loop_quit(r->loop, 1);
}

/* A kernel that still wants more after what counts for a seed is left alone until the timer comes. */
static void random_wants(struct loop_io *io, uint32_t events)
{
	(void)events;
	loop_io_remove(io);
	pass_run(io->data);
}

static void again_due(struct loop_timer *timer)
{
	pass_run(timer->data);
	seed_keep(timer->data);
}

static void on_signal(void *data, int signo)
{
	if (signo == SIGTERM || signo == SIGINT || signo == SIGQUIT)
		loop_quit(data, 0);
}

/* First of all: a request to end that comes early is one that the loop sees. */
static int daemon_prepare(struct rngd *r, struct error *err)
{
	sigset_t signals;

	loop_signals_fill(&signals);
	r->loop = loop_new(err);
	return r->loop ? loop_signals(r->loop, &signals, on_signal, r->loop, err) : -1;
}

static int daemon_run(struct rngd *r, struct error *err)
{
	int status;

	r->random.events = EPOLLOUT;
	r->random.fn = random_wants;
	r->random.data = r->again.data = r;
	r->again.fn = again_due;
	if (loop_io_add(r->loop, &r->random, err) < 0 || loop_timer_after(r->loop, &r->again, AGAIN_US, err) < 0)
		return -1;
	status = loop_run(r->loop, err);
	seed_keep(r);
	return status;
}

/* --- what it gives up -------------------------------------------------------------------------------- */

static const struct confine_call calls[] = {
	{ SYS_ioctl, 2, RNDADDENTROPY },
	{ SYS_getrandom },
	/* the seed, which confine_files() knows the folder of */
	{ SYS_openat },
	{ SYS_fstat },
	{ SYS_newfstatat },
	{ SYS_lseek },
	{ SYS_fcntl },
	{ SYS_fchmod },
	{ SYS_fsync },
	{ SYS_renameat },
	{ SYS_renameat2 },
	{ SYS_unlinkat },
#ifdef SYS_open /* older architectures have these beside the ones above */
	{ SYS_open },
	{ SYS_rename },
	{ SYS_unlink },
#endif
};

/* It keeps CAP_SYS_ADMIN, which the kernel asks of every RNDADDENTROPY; it is good for nothing else then. */
static int rngd_confine(const struct options *o, struct error *err)
{
	const char *slash = o->seed ? strrchr(o->seed, '/') : NULL;
	_cleanup_free_ char *folder = slash ? strndup(o->seed, (size_t)(slash - o->seed) + 1) : strdup(".");
	struct confine_dir dir = { .fd = -1, .access = CONFINE_READ | CONFINE_WRITE | CONFINE_REMOVE | CONFINE_MAKE };
	int r;

	if (!folder)
		return error_set(err, ENOMEM, "%s", o->seed);
	if (o->seed) /* where it is missing, the seed cannot be kept, which is said then */
		dir.fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	r = confine_files(&dir, dir.fd >= 0, CONFINE_TCP_NONE, err);
	cleanup_close(&dir.fd);
	return r < 0 || confine_calls(calls, array_len(calls), err) < 0 ? -1 : 0;
}

static int rngd_run(struct rngd *r, struct error *err)
{
	if (!r->options.once && daemon_prepare(r, err) < 0)
		return -1;
	r->random.fd = open("/dev/random", O_RDWR | O_CLOEXEC);
	if (r->random.fd < 0)
		return error_set(err, errno, "/dev/random");
	r->device = open(r->options.device, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (rngd_confine(&r->options, err) < 0)
		return -1;
	if (r->options.seed)
		seed_give(r);
	if (sources_give(r, err) < 0)
		return -1;
	seed_keep(r);
	if (!r->options.once)
		return daemon_run(r, err);
	log_info("wrote %zu bytes of entropy, exiting as oneshot", r->bytes);
	return 0;
}

int main(int argc, char **argv)
{
	_cleanup_error_ struct error err = { 0 };
	static struct rngd r = { .options = { .device = "/dev/hwrng" } };
	int status;

	(void)argc;
	io_fill_standard();
	log_setup("rngd", LOG_LEVEL_INFO, false);
	status = program_line(&program, argv, &r.options);
	if (status >= 0)
		return status;
	status = rngd_run(&r, &err);
	if (status < 0)
		log_error("%s", error_text(&err));
	return status < 0 ? 1 : status;
}
