/* services/engine/containerd/calls: what containerd answers, good and broken. */
#include "calls.h"
#include "tap.h"

static struct rpc_call reply(const char *bytes, size_t n)
{
	struct rpc_call c = { 0 };

	buf_add(&c.reply, bytes, n);
	return c;
}

#define REPLY(text) reply(text, sizeof(text) - 1)

static void test_numbers(void)
{
	struct rpc_call created = REPLY("\n\3abc\x10\x2a"), huge = REPLY("\n\3abc\x10\xff\xff\xff\xff\x0f"),
			init = REPLY("\x10\1");
	struct rpc_call running = REPLY("\n\x09\n\3abc\x18\x2a \2"), stopped = REPLY("\n\x0b\n\3abc\x18\x2a \3H\7"),
			paused = REPLY("\n\x09\n\3abc\x18\x2a \4"), made = REPLY("\n\x09\n\3abc\x18\x2a \1"),
			empty = REPLY("");
	struct rpc_call status = REPLY("\10\3"), odd = REPLY("\10\xac\2"), cut = REPLY("\10");
	struct rpc_call *all[] = { &created, &huge,  &init,   &running, &stopped, &paused,
				   &made,    &empty, &status, &odd,     &cut };
	pid_t pid;
	int code;

	ok(containerd_created_pid(&created) == 42, "process id of a created task");
	ok(containerd_created_pid(&huge) == 0 && containerd_created_pid(&init) == 0 &&
		   containerd_created_pid(&empty) == 0,
	   "numbers that no container's process has are none");
	ok(containerd_task_found(&running, &pid, &code) == CONTAINERD_TASK_RUNS && pid == 42, "a running task");
	ok(containerd_task_found(&paused, &pid, &code) == CONTAINERD_TASK_RUNS && pid == 42, "a paused one");
	ok(containerd_task_found(&stopped, &pid, &code) == CONTAINERD_TASK_ENDED && code == 7,
	   "one that has ended, and its exit status");
	ok(containerd_task_found(&made, &pid, &code) == CONTAINERD_TASK_HALF_MADE, "one that was never started");
	ok(containerd_task_found(&empty, &pid, &code) == CONTAINERD_TASK_NONE && pid == 0 && code == -1, "none");
	ok(containerd_exit_code(&status) == 3 && containerd_exit_code(&empty) == 0, "exit status");
	ok(containerd_exit_code(&odd) == -1 && containerd_exit_code(&cut) == -1,
	   "an impossible one, and half a message");
	for (size_t i = 0; i < array_len(all); i++)
		rpc_cancel(all[i]);
}

static void test_lists(void)
{
	struct rpc_call list = REPLY("\n\5\n\3abc\n\3\n\1x");
	_cleanup_strv_ char **names = containerd_container_names(&list);

	ok(strv_len(names) == 2 && str_eq(names[1], "x"), "names of containers");
	rpc_cancel(&list);
}

int main(void)
{
	test_numbers();
	test_lists();
	return tap_done();
}
