/* What a confined program can still do: each row in a child of its own, since there is no way back. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "confine.h"
#include "io.h"
#include "str.h"
#include "tap.h"

static char dir[] = "/tmp/test-confine-XXXXXX", below[64], made[64], inside[64], outside[64], shut[64], sock[64];
static int parent, held;

/* 0, or errno. */
static int opens(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	return fd < 0 ? errno : (close(fd), 0);
}

static int reads_inside(void)
{
	return opens(inside, O_RDWR);
}

static int reads_outside(void)
{
	return opens(outside, O_RDONLY);
}

static int reads_shut(void)
{
	return opens(shut, O_RDONLY);
}

static int reads_system(void)
{
	return opens("/etc/passwd", O_RDONLY);
}

static int makes_inside(void)
{
	return mkdir(made, 0700) < 0 ? errno : 0;
}

static int removes_inside(void)
{
	return unlink(inside) < 0 ? errno : 0;
}

static int removes_outside(void)
{
	return unlink(outside) < 0 ? errno : 0;
}

static int truncates_outside(void)
{
	return truncate(outside, 0) < 0 ? errno : 0;
}

static int connects_unix(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(a.sun_path, sock);
	return fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ? errno : 0;
}

static int opens_internet(void)
{
	return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) < 0 ? errno : 0;
}

static int signals_parent(void)
{
	return kill(parent, 0) < 0 ? errno : 0;
}

static int runs(void)
{
	execl("/bin/true", "true", (char *)NULL);
	return errno;
}

static int reads_open(void)
{
	char byte;

	return read(held, &byte, 1) == 1 ? 0 : errno;
}

static int asks_unlisted(void)
{
	return syscall(SYS_getppid) < 0 ? errno : 0;
}

static const struct confine_call calls[] = {
	{ SYS_socket, 1, AF_UNIX },
	{ SYS_connect },
	{ SYS_openat },
	{ SYS_mkdirat },
	{ SYS_unlinkat },
	{ SYS_kill },
#ifdef SYS_mkdir
	{ SYS_mkdir },
	{ SYS_unlink },
#endif
};

enum { FILES = 1, CALLS = 2, CAPABILITIES = 4 };

/* The function's errno; 255: it could not be confined, 254: the kernel cannot. */
static int confined(int how, int (*what)(void))
{
	pid_t pid = fork();
	int status = 0, r = 0;

	if (pid == 0) {
		struct confine_dir in = { open(below, O_PATH | O_DIRECTORY | O_CLOEXEC),
					  CONFINE_READ | CONFINE_WRITE | CONFINE_REMOVE };

		if (how & CAPABILITIES)
			r = confine_capabilities(NULL);
		if (r == 0 && how & FILES)
			r = confine_files(&in, 1, CONFINE_TCP_NONE, NULL);
		if (r == 0 && how & CALLS)
			r = confine_calls(calls, array_len(calls), NULL);
		/* a sanitizer's end of a process makes calls of its own */
		syscall(SYS_exit_group, r < 0 ? 255 : r > 0 ? 254 : what());
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

int main(void)
{
	static const struct {
		const char *name;
		int how;
		int (*what)(void);
		int want;
	} rows[] = {
		{ "a file below", FILES, reads_inside, 0 },
		{ "a file elsewhere", FILES, reads_outside, EACCES },
		{ "a file of the system", FILES, reads_system, EACCES },
		{ "a file elsewhere is not emptied", FILES, truncates_outside, EACCES },
		{ "nor removed", FILES, removes_outside, EACCES },
		{ "nothing is made that was not said", FILES, makes_inside, EACCES },
		{ "no program is run", FILES, runs, EACCES },
		{ "a Unix socket by its path", FILES, connects_unix, 0 },
		{ "the same with a filter", FILES | CALLS, connects_unix, 0 },
		{ "another family", CALLS, opens_internet, EPERM },
		{ "another call", CALLS, asks_unlisted, EPERM },
		{ "a call that stays", CALLS, signals_parent, 0 },
		{ "a call of every event loop, on what is open", CALLS, reads_open, 0 },
		{ "a file that nobody may read, by root", CAPABILITIES, reads_shut, EACCES },
		{ "the same with a filter", CAPABILITIES | CALLS, reads_shut, EACCES },
		{ "removed below", FILES | CALLS, removes_inside, 0 },
	};
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int listener, version;

	parent = getpid();
	if (!mkdtemp(dir))
		return 1;
	snprintf(below, sizeof(below), "%s/in", dir);
	snprintf(made, sizeof(made), "%s/in/new", dir);
	snprintf(inside, sizeof(inside), "%s/in/file", dir);
	snprintf(outside, sizeof(outside), "%s/file", dir);
	snprintf(shut, sizeof(shut), "%s/shut", dir);
	snprintf(sock, sizeof(sock), "%s/socket", dir);
	dir_make(below, 0700, NULL);
	file_write(inside, "x", 1, 0600, NULL);
	file_write(outside, "x", 1, 0600, NULL);
	file_write(shut, "x", 1, 0, NULL);
	held = open(inside, O_RDONLY | O_CLOEXEC);
	strcpy(a.sun_path, sock);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ok(bind(listener, (struct sockaddr *)&a, sizeof(a)) == 0 && listen(listener, 8) == 0, "a socket elsewhere");
	version = (int)syscall(444 /* landlock_create_ruleset */, NULL, 0, 1);
	for (size_t i = 0; i < array_len(rows); i++) {
		int got = confined(rows[i].how, rows[i].what);

		if (rows[i].how & FILES && version < 3)
			ok(got == (version > 0 ? got : 254), "%s: this kernel cannot", rows[i].name);
		else
			ok(got == rows[i].want, "%s: %d", rows[i].name, got);
	}
	ok(confine_calls(calls, CONFINE_CALLS + 1, NULL) < 0, "more calls than there is room for");
	dir_remove(dir, NULL);
	return tap_done();
}
