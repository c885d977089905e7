#include "supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backoff.h"
#include "resume.h"
#include "say.h"

enum {
	PROGRAMS = 16,
	ENVIRONMENT = 64,
};

struct program {
	char words[INITCTL_MESSAGE]; /* argv's strings, one after the other */
	size_t argc;
	char name[INITCTL_NAME + 1]; /* empty: the place is free */
	uint32_t grace;              /* seconds */
	pid_t pid;                   /* 0: waits to be started */
	bool stopping;               /* forgotten once it has ended */
	uint64_t started, due;       /* when it was, when it is to be started or killed */
	uint64_t delay;              /* microseconds before its last start; 0: there was none before it */
	int fds[INITCTL_FDS];        /* held for it */
	size_t fd_count;
};

static struct {
	struct program programs[PROGRAMS]; /* in the order of the requests */
	size_t count;
	bool frozen;
} self;

/* --- processes -------------------------------------------------------------------------------------- */

/* Memory that runs out is taken from others first. rc.init does this for itself, when it has mounted /proc. */
static void oom_score_lower(void)
{
	static const char score[] = "-999";
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	(void)!write(fd, score, sizeof(score) - 1); /* refused in a container: it is then as killable as others */
	close(fd);
}

/* What PID 1 was given, then what is missing, then what is added. */
static void environment_make(const char *envp[ENVIRONMENT + 1], const char *const extra[])
{
	static const char *const defaults[] = { "PATH=/sbin:/usr/sbin:/bin:/usr/bin", "TERM=linux", "HOME=/" };
	size_t n = 0;

	for (char **e = environ; *e && n < ENVIRONMENT - 8; e++)
		envp[n++] = *e;
	for (size_t i = 0; i < sizeof(defaults) / sizeof(*defaults); i++) {
		char name[8] = { 0 };

		memcpy(name, defaults[i], strcspn(defaults[i], "="));
		if (!getenv(name))
			envp[n++] = defaults[i];
	}
	while (extra && *extra && n < ENVIRONMENT)
		envp[n++] = *extra++;
	envp[n] = NULL;
}

/* To their places, from above all of these: one must not fall onto another. */
static void fds_place(const int *fds, size_t count)
{
	int above[INITCTL_FDS];

	for (size_t i = 0; i < count; i++)
		above[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, INITCTL_FD + (int)count);
	for (size_t i = 0; i < count; i++)
		dup2(above[i], INITCTL_FD + (int)i);
}

static _Noreturn void child_run(const char *const argv[], const int *fds, size_t fd_count, const char *const env[],
				bool tty)
{
	const char *envp[ENVIRONMENT + 1];
	sigset_t none;

	setsid();
	console_take();
	oom_score_lower();
	if (tty)
		ioctl(STDIN_FILENO, TIOCSCTTY, 1); /* a shell without job control is still one */
	fds_place(fds, fd_count);
	environment_make(envp, env);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execve(argv[0], (char *const *)argv, (char *const *)envp);
	say("cannot start ", argv[0], ": ", strerror(errno));
	_exit(127);
}

pid_t program_start(const char *const argv[], const int *fds, size_t fd_count, const char *const env[], bool tty)
{
	pid_t pid = fork();

	if (pid == 0)
		child_run(argv, fds, fd_count, env, tty);
	return pid;
}

static void start_later(struct program *p, uint64_t now)
{
	p->delay = backoff_after(&backoff_restart, p->delay, now - p->started);
	p->due = now + p->delay;
}

static void program_try(struct program *p)
{
	char count[sizeof("PITH_FDS=") + NUMBER_SIZE] = "PITH_FDS=", digits[NUMBER_SIZE];
	const char *argv[INITCTL_ARGS + 1] = { NULL }, *env[] = { p->fd_count > 0 ? count : NULL, NULL };
	const char *at = p->words;
	pid_t pid;

	strcat(count, number(digits, p->fd_count));
	for (size_t i = 0; i < p->argc; i++, at += strlen(at) + 1)
		argv[i] = at;
	p->started = boot_us();
	pid = program_start(argv, p->fds, p->fd_count, env, false);
	if (pid > 0) {
		p->pid = pid;
		return;
	}
	say("cannot start ", p->name, ": ", strerror(errno), "; trying again");
	start_later(p, p->started);
}

/* --- the table ---------------------------------------------------------------------------------------- */

static struct program *program_find(const char *name)
{
	for (size_t i = 0; i < self.count; i++)
		if (strcmp(self.programs[i].name, name) == 0)
			return &self.programs[i];
	return NULL;
}

static void fds_drop(const int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		resume_drop(fds[i]);
		close(fds[i]);
	}
}

static void program_forget(struct program *p)
{
	fds_drop(p->fds, p->fd_count);
	memmove(p, p + 1, (size_t)(self.programs + self.count - (p + 1)) * sizeof(*p));
	self.count--;
}

static const char *supervise_respawn(const struct control_request *r, const int *fds, size_t *fd_count)
{
	struct program *p = program_find(r->name);
	char *at;

	if (p)
		return p->stopping ? "it is being stopped" : NULL;
	if (self.frozen)
		return "shutting down";
	if (self.count == PROGRAMS)
		return "too many programs";
	p = &self.programs[self.count++];
	*p = (struct program){ .grace = r->grace };
	strcpy(p->name, r->name);
	at = p->words; /* as large as the message that they came in */
	for (; r->argv[p->argc]; p->argc++)
		at = stpcpy(at, r->argv[p->argc]) + 1;
	for (; *fd_count > 0; --*fd_count) {
		resume_keep(*fds);
		p->fds[p->fd_count++] = *fds++;
	}
	program_try(p);
	return NULL;
}

static const char *supervise_stop(const char *name)
{
	struct program *p = program_find(name);

	if (!p)
		return "no such program";
	if (p->pid == 0) {
		program_forget(p);
		return NULL;
	}
	if (!p->stopping) {
		kill(p->pid, SIGTERM);
		p->stopping = true;
		p->due = boot_us() + (uint64_t)p->grace * 1000000;
	}
	return NULL;
}

/* Appends, as far as there is room. */
static void reply_put(char *reply, size_t size, size_t *n, const char *s)
{
	while (*s && *n < size)
		reply[(*n)++] = *s++;
}

size_t supervise_request(const struct control_request *request, const int *fds, size_t fd_count, char *reply,
			 size_t size)
{
	const char *wrong = NULL;
	char digits[NUMBER_SIZE];
	size_t n = 0;

	if (request->verb == CONTROL_RESPAWN)
		wrong = supervise_respawn(request, fds, &fd_count);
	else if (request->verb == CONTROL_STOP)
		wrong = supervise_stop(request->name);
	fds_drop(fds, fd_count); /* nobody wants them */
	reply_put(reply, size, &n, wrong ? "error: " : "ok");
	reply_put(reply, size, &n, wrong ? wrong : "");
	reply_put(reply, size, &n, "\n");
	if (request->verb != CONTROL_LIST)
		return n;
	for (const struct program *p = self.programs; p < self.programs + self.count; p++) {
		reply_put(reply, size, &n, p->name);
		reply_put(reply, size, &n, " ");
		reply_put(reply, size, &n, number(digits, (uint64_t)p->pid));
		reply_put(reply, size, &n, " ");
		reply_put(reply, size, &n, number(digits, p->grace));
		reply_put(reply, size, &n, "\n");
	}
	return n;
}

void supervise_ended(pid_t pid, int status)
{
	char digits[NUMBER_SIZE];
	struct program *p = self.programs;

	while (p < self.programs + self.count && p->pid != pid)
		p++;
	if (p == self.programs + self.count)
		return;
	if (p->stopping) {
		program_forget(p);
		return;
	}
	p->pid = 0;
	if (self.frozen)
		return;
	say(p->name, WIFSIGNALED(status) ? " was killed by signal " : " ended with status ",
	    number(digits, (uint64_t)(WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status))),
	    "; starting it again");
	start_later(p, boot_us());
}

int supervise_due(void)
{
	uint64_t now = boot_us(), next = UINT64_MAX;

	for (struct program *p = self.programs; p < self.programs + self.count; p++) {
		if (p->pid > 0 ? !p->stopping : self.frozen)
			continue;
		if (p->due <= now && p->pid == 0) {
			program_try(p);
			if (p->pid > 0)
				continue;
		} else if (p->due <= now) {
			kill(-p->pid, SIGKILL);
			kill(p->pid, SIGKILL);
			p->due = UINT64_MAX;
		}
		if (p->due < next)
			next = p->due;
	}
	if (next == UINT64_MAX)
		return -1;
	return next <= now ? 0 : (int)((next - now + 999) / 1000);
}

void supervise_freeze(void)
{
	self.frozen = true;
}

void supervise_resumed(void)
{
	for (const struct program *p = self.programs; p < self.programs + self.count; p++)
		for (size_t i = 0; i < p->fd_count; i++)
			resume_keep(p->fds[i]);
}

void *supervise_state(size_t *size)
{
	*size = sizeof(self);
	return &self;
}
