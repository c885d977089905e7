/* In the guest itself: a process like any other. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent.h"
#include "launch_private.h"
#include "spawn.h"
#include "str.h"

extern char **environ;

enum { GUEST_ENV = 128 };

/* Ours, with what was asked for in its place or beside it. */
static char **guest_env(const struct agent_request *r)
{
	static const char *const defaults[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root" };
	_cleanup_strv_ char **env = strv_copy(r->env);
	size_t i;

	for (i = 0; env && environ[i] && i < GUEST_ENV; i++)
		if (!launch_env_names(r->env, environ[i]) && !str_starts(environ[i], "HOME=") &&
		    strv_add(&env, environ[i]) < 0)
			return NULL;
	for (i = 0; env && i < array_len(defaults); i++)
		if (!launch_env_names(env, defaults[i]) && strv_add(&env, defaults[i]) < 0)
			return NULL;
	return steal_ptr(&env);
}

static int terminal_open(struct launch *l, int *slave, struct error *err)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	char name[64];

	if (master < 0)
		return error_set(err, errno, "terminal");
	if (launch_master(l, master, err) < 0)
		return -1;
	if (grantpt(master) < 0 || unlockpt(master) < 0 || ptsname_r(master, name, sizeof(name)) != 0)
		return error_set(err, errno, "terminal");
	*slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	return *slave < 0 ? error_set(err, errno, "%s", name) : 0;
}

static int guest_spawn(struct launch *l, char **env, struct error *err)
{
	const struct agent_request *r = l->request;
	struct spawn_fd fds[3];
	struct spawn s = { .path = r->args[0],
			   .argv = r->args,
			   .env = env,
			   .cwd = r->workdir,
			   .fds = fds,
			   .fd_count = 3,
			   .new_session = true,
			   .plain_oom_score = true,
			   .controlling_tty = r->terminal ? 1 : 0 };

	for (int i = 0; i < 3; i++)
		fds[i] = (struct spawn_fd){ l->child[r->terminal ? IN : i], i };
	return spawn(&s, err);
}

void guest_start(struct launch *l)
{
	_cleanup_strv_ char **env = guest_env(l->request);
	_cleanup_error_ struct error e = { 0 };
	int status = 1;

	if (!env)
		error_set(&e, ENOMEM, "environment");
	else if (l->request->user)
		error_set(&e, 0, "a user can be asked for in a service only");
	else if ((l->request->terminal ? terminal_open(l, &l->child[IN], &e) : launch_pipes(l, &e)) == 0) {
		l->pid = guest_spawn(l, env, &e);
		if (l->pid > 0) {
			launch_children_close(l);
			l->done(l, NULL, 0);
			return;
		}
		status = e.code == ENOENT ? 127 : 126;
	}
	l->pid = 0;
	launch_fail(l, status, &e);
}
