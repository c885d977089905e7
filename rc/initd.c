/* /etc/init.d and /etc/shutdown.d: programs run in the order of their names. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io.h"
#include "log.h"
#include "process.h"
#include "rc.h"
#include "report.h"
#include "spawn.h"
#include "str.h"

/* Regular files and links to such that can be executed, sorted. */
static char **programs_list(const char *path)
{
	_cleanup_error_ struct error err = { 0 };
	_cleanup_strv_ char **names = dir_names(AT_FDCWD, path, false, &err), **programs = NULL;

	if (!names && err.code != ENOENT)
		log_error("%s", error_text(&err));
	for (char **name = names; name && *name; name++) {
		_cleanup_free_ char *file = str_format("%s/%s", path, *name);
		struct stat st;

		if (!file || stat(file, &st) < 0 || !S_ISREG(st.st_mode))
			continue;
		if (!(st.st_mode & 0111))
			log_warn("%s is not executable: left out", file);
		else if (strv_add(&programs, *name) < 0)
			log_error("%s: %s", file, strerror(errno));
	}
	return steal_ptr(&programs);
}

/* What takes long is named on the console; onboot and onshutdown name their containers themselves. */
static void program_slow(const char *file, uint64_t us)
{
	uint64_t run_us;
	_cleanup_free_ char *step = report_running_find(&run_us);

	if (!step)
		log_info("%s still runs after %llu s: the rest waits for it", file, (unsigned long long)(us / 1000000));
}

static int program_wait(const char *file, pid_t pid)
{
	_cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	uint64_t start = report_now(), pause = 0;

	while (pidfd >= 0) {
		pause = report_pause(pause);
		if (poll(&p, 1, (int)(pause / 1000)) > 0)
			break;
		program_slow(file, report_now() - start);
	}
	return child_reap(pid);
}

static void program_run(const char *program, const char *path, const char *name)
{
	static const struct spawn_fd output[] = { { 1, 1 }, { 2, 2 } };
	_cleanup_error_ struct error err = { 0 };
	_cleanup_free_ char *file = str_format("%s/%s", path, name);
	char *argv[] = { file, NULL };
	uint64_t start = report_now();
	int status;
	pid_t pid;

	if (!file) {
		log_error("%s/%s: %s", path, name, strerror(errno));
		return;
	}
	pid = spawn(&(struct spawn){ .path = file,
				     .argv = argv,
				     .fds = output,
				     .fd_count = array_len(output),
				     .plain_oom_score = true },
		    &err);
	status = pid < 0 ? -1 : program_wait(file, pid);
	if (pid < 0)
		log_error("%s", error_text(&err));
	else if (status != 0)
		log_error("%s: %s", file, status < 0 ? strerror(errno) : spawn_status_text(status));
	report_step(program, name, start, report_now(), status < 0 ? 127 : spawn_status_code(status), NULL);
}

void rc_run_directory(const char *program, const char *path)
{
	_cleanup_strv_ char **names = programs_list(path);

	for (char **n = names; n && *n; n++)
		program_run(program, path, *n);
}
