#include "resume.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "say.h"

enum {
	PARTS = 4,
	DROP_STATE_AFTER = 8, /* faults */
	SLEEP_AFTER = 32,
	KEPT = 256, /* descriptors */
};

struct header {
	uint64_t magic;
	uint64_t faults;
	int32_t signo;
};

static const uint64_t magic = 0x70697468494e4954; /* "pithINIT" */

static struct {
	int exe;
	int kept[KEPT];
	size_t kept_count;
	uint64_t faults;
	struct resume_part parts[PARTS];
	size_t count;
} self = { .exe = -1 };

static char fault_stack[8192] __attribute__((aligned(16))); /* the usual one may be what is broken */

/* A memory file that survives exec, or -1. */
static int state_save(int signo)
{
	struct header h = { .magic = magic, .faults = self.faults + 1, .signo = signo };
	int fd = (int)syscall(SYS_memfd_create, "init", 0);

	if (fd < 0 || write(fd, &h, sizeof(h)) != sizeof(h))
		return -1;
	if (h.faults > DROP_STATE_AFTER)
		return fd;
	for (size_t i = 0; i < self.count; i++)
		if (write(fd, self.parts[i].data, self.parts[i].size) != (ssize_t)self.parts[i].size)
			return -1;
	return fd;
}

/* Nothing but system calls from here. */
static void signal_fault(int signo)
{
	char state[NUMBER_SIZE], exe[NUMBER_SIZE];
	const char *argv[] = { "/init", "resume", NULL, NULL, NULL };
	int fd;

	if (getpid() != 1)
		_exit(128 + signo); /* a child on its way to exec */
	if (self.faults < SLEEP_AFTER) {
		fd = state_save(signo);
		argv[2] = number(state, fd < 0 ? 0 : (uint64_t)fd);
		argv[3] = number(exe, (uint64_t)self.exe);
		fcntl(self.exe, F_SETFD, 0);
		for (size_t i = 0; i < self.kept_count && i < KEPT; i++)
			fcntl(self.kept[i], F_SETFD, 0);
		syscall(SYS_execveat, self.exe, "", argv, environ, 0x1000 /* AT_EMPTY_PATH */);
	}
	say("too many faults in PID 1: it rests; nothing is supervised any more");
	for (;;)
		pause();
}

void resume_setup(const char *exe, const struct resume_part *parts, size_t count)
{
	static const int faults[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP };
	struct sigaction action = { .sa_handler = signal_fault, .sa_flags = SA_ONSTACK | SA_NODEFER };
	stack_t stack = { .ss_sp = fault_stack, .ss_size = sizeof(fault_stack) };
	sigset_t set;

	if (self.exe < 0)
		self.exe = open(exe, O_PATH | O_CLOEXEC);
	if (self.exe < 0) {
		say("cannot open ", exe, ": ", strerror(errno), "; a fault would end the machine");
		return;
	}
	self.count = count < PARTS ? count : PARTS;
	memcpy(self.parts, parts, self.count * sizeof(*parts));
	sigaltstack(&stack, NULL);
	sigfillset(&action.sa_mask);
	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++) {
		sigaction(faults[i], &action, NULL);
		sigaddset(&set, faults[i]);
	}
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

bool resume_take(int argc, char **argv, const struct resume_part *parts, size_t count)
{
	struct header h;
	char digits[NUMBER_SIZE];
	int fd;

	if (argc != 4 || strcmp(argv[1], "resume") != 0)
		return false;
	fd = atoi(argv[2]);
	if (fd <= 2 || pread(fd, &h, sizeof(h), 0) != sizeof(h) || h.magic != magic ||
	    lseek(fd, sizeof(h), SEEK_SET) < 0)
		return false;
	self.faults = h.faults;
	self.exe = atoi(argv[3]);
	fcntl(self.exe, F_SETFD, FD_CLOEXEC);
	for (size_t i = 0; i < count; i++)
		if (read(fd, parts[i].data, parts[i].size) != (ssize_t)parts[i].size)
			memset(parts[i].data, 0, parts[i].size);
	close(fd);
	say("signal ", number(digits, (uint64_t)h.signo), " in PID 1; it went on");
	return true;
}

void resume_keep(int fd)
{
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	if (self.kept_count < KEPT)
		self.kept[self.kept_count++] = fd;
}

void resume_drop(int fd)
{
	for (size_t i = 0; i < self.kept_count; i++)
		if (self.kept[i] == fd)
			self.kept[i--] = self.kept[--self.kept_count];
}
