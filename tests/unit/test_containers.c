/* lib/sys: processes, control groups, links, the runtime's command line. */
#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "cgroup.h"
#include "cmdline.h"
#include "memlogd.h"
#include "process.h"
#include "rtnetlink.h"
#include "runtime.h"
#include "str.h"
#include "tap.h"

static void test_process(void)
{
	_cleanup_error_ struct error e = { 0 };
	_cleanup_close_ int fd = -1;
	uint64_t ours = 0, child = 0;
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		pause();
		_exit(0);
	}
	ok(process_start_time(getpid(), &ours, &e) == 0 && process_start_time(pid, &child, &e) == 0 && child >= ours &&
		   ours > 0,
	   "start times grow");
	fd = process_open(pid, &e);
	ok(fd >= 0 && process_signal(fd, SIGKILL, &e) == 0, "signal through a pidfd");
	waitpid(pid, &status, 0);
	ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "it arrives");
	ok(process_signal(fd, SIGKILL, &e) == -1 && e.code == ESRCH, "one that has ended takes none");
	ok(process_start_time(pid, &child, &e) == -1 && e.code == ENOENT, "and has no start time");
}

static void test_cgroup(void)
{
	static const char *const bad[] = { "", "/", "..", "a/../../b", "../x" };
	_cleanup_error_ struct error e = { 0 };
	_cleanup_free_ char *dir = cgroup_of(getpid(), &e);
	struct stat st;
	size_t i;

	ok(dir && stat(dir, &st) == 0 && S_ISDIR(st.st_mode), "our own group is a directory: %s",
	   dir ? dir : error_text(&e));
	ok(dir && cgroup_population(dir, &e) > 0, "with processes in it");
	ok(cgroup_population("/sys/fs/cgroup/no/such/group", &e) == 0, "one that is gone has none");
	for (i = 0; i < array_len(bad); i++)
		ok(cgroup_make(bad[i], &e) == -1 && e.code == EINVAL, "refused as a group: '%s'", bad[i]);
}

static void test_links(void)
{
	static const char *const bad[] = { "", "a b", "a/b", "..", "sixteen-letters-x", "a:1" };
	_cleanup_error_ struct error e = { 0 };
	_cleanup_close_ int fd = rtnl_open(&e);
	size_t i;

	ok(fd >= 0, "a netlink socket");
	for (i = 0; i < array_len(bad); i++)
		ok(rtnl_link_add(fd, &(struct rtnl_link){ .name = bad[i], .kind = "dummy" }, &e) == -1 &&
			   e.code == EINVAL && rtnl_link_move(fd, bad[i], 1, &e) == -1 && e.code == EINVAL,
		   "refused as an interface: '%s'", bad[i]);
	ok(rtnl_link_up(fd, "no-such-link", &e) == -1 && e.code == ENODEV, "an interface that is not there");
}

static void test_runtime(void)
{
	struct runtime plain = { .path = "/r" }, whole = { .path = "/r", .root = "/s", .log = "/l", .debug = true };
	_cleanup_strv_ char **a = runtime_argv(&plain, "delete", "--force", "x", NULL),
			    **b = runtime_argv(&whole, "state", "x", NULL);
	_cleanup_free_ char *text_a = strv_join(a, " "), *text_b = strv_join(b, " ");
	struct runtime shell = { .path = "/bin/sh" }, none = { .path = "/no/runtime" };
	char *fails[] = { (char *)"/bin/sh", (char *)"-c", (char *)"echo first; echo the reason >&2; exit 4", NULL };
	char *works[] = { (char *)"/bin/sh", (char *)"-c", (char *)"exit 0", NULL };
	_cleanup_error_ struct error e = { 0 };

	ok_str(text_a, "/r delete --force x", "arguments of a call");
	ok_str(text_b, "/r --debug --root /s --log /l --log-format json state x", "global options come first");
	ok(runtime_call(&shell, works, NULL, &e) == 0, "a call that works");
	ok(runtime_call(&shell, fails, NULL, &e) == -1, "one that fails");
	ok_str(error_text(&e), "/bin/sh: exit status 4: the reason", "says why, by its last line");
	ok(runtime_call(&none, works, NULL, &e) == -1 && e.code == ENOENT, "a runtime that is missing");
}

static void test_cmdline(void)
{
	static const char text[] = "console=ttyS0 linuxkit.runc_debug=1\tquiet\n";

	ok(cmdline_has(text, "linuxkit.runc_debug=1") && cmdline_has(text, "quiet") &&
		   cmdline_has(text, "console=ttyS0"),
	   "whole words");
	ok(!cmdline_has(text, "linuxkit.runc_debug") && !cmdline_has(text, "quie") && !cmdline_has("", "x"),
	   "and only those");
}

int main(void)
{
	char name[300];

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	test_process();
	test_cgroup();
	test_links();
	test_runtime();
	test_cmdline();
	ok(memlogd_open(name, NULL) == -1, "a log's name has a bound");
	return tap_done();
}
