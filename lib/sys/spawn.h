/* Starting a program: one function that reports why exec failed in the child, as the parent's own error. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "buf.h"
#include "error.h"

struct spawn_fd {
	int from; /* descriptor of this process */
	int to;   /* its number in the child */
};

struct spawn {
	const char *path;  /* program; without a slash it is looked for in PATH */
	char *const *argv; /* argv[0] included */
	char *const *env;  /* NULL: this process's environment */
	const char *cwd;   /* NULL: unchanged */
	const struct spawn_fd
		*fds; /* everything else below 3 goes to /dev/null; above 2 it is closed by close-on-exec */
	size_t fd_count;
	bool inherit_stdio;     /* descriptors 0 to 2 stay instead of /dev/null */
	bool stdout_only;       /* spawn_wait() collects standard output alone */
	bool no_new_privileges; /* prctl(PR_SET_NO_NEW_PRIVS) */
	bool new_session;       /* setsid */
	bool new_group;         /* setpgid(0, 0) */
	int controlling_tty;  /* with new_session: number in the child, plus one, of the descriptor to take as terminal;
				 0: none */
	int death_signal;     /* prctl(PR_SET_PDEATHSIG); 0: none */
	bool plain_oom_score; /* it is not the machine's own: the kernel may choose it when memory runs out */
	const char *cgroup;   /* cgroup v2 directory to start in (CLONE_INTO_CGROUP), NULL: ours */
	uint64_t namespaces;  /* CLONE_NEW* flags, 0: ours */
	/* With CLONE_NEWUSER: root of the new namespace, which recorded() has to give a map of its users. */
	bool namespace_root;
	/* Called before the program runs: the child is there and waits. When it fails, or this process dies in it, the
	 * program never runs. NULL: none. For programs that ignore SIGPIPE. */
	int (*recorded)(void *data, pid_t pid, struct error *err);
	void *recorded_data;
};

/* The child has an empty signal mask and default dispositions. Returns its pid, or -1: it does not exist then
 * (a failed exec is reaped here). */
pid_t spawn(const struct spawn *s, struct error *err);

/* Runs to the end. Output (both streams) is appended to `output`, the first max bytes of it, where output is not
 * NULL. timeout_us: kill and fail (ETIMEDOUT) after that, 0: never. Returns the wait status, or -1. */
int spawn_wait(const struct spawn *s, struct buf *output, size_t max, uint64_t timeout_us, struct error *err);

/* "exit status 3", "killed by signal 9 (Killed)": static storage. */
const char *spawn_status_text(int status);
/* The shell's convention: exit status, or 128 + signal. */
int spawn_status_code(int status);
