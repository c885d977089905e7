/* services/engine/containerd/task*.c: tasks that are recorded in a containerd that has just been started, while
 * something else is asked of them. containerd is a socket at which nobody answers: the answers are given here. */
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "capture.h"
#include "idle.h"
#include "io.h"
#include "process.h"
#include "ready.h"
#include "str.h"
#include "tap.h"
#include "task_private.h"
#include "unixsock.h"

static char place[] = "/tmp/test_tasks.XXXXXX";
static struct loop *loop;
static struct engine_host host;
static struct containerd e;
static int server;

/* --- what the engine reports ---------------------------------------------------------------------------------------
 */

static unsigned failed, removed;
static struct engine_container *other_to_start; /* when a start has failed */

static void start_has_failed(struct engine_container *c, const struct error *why)
{
	(void)c;
	(void)why;
	failed++;
	if (other_to_start)
		task_begin(&e, other_to_start, false);
}

static void was_removed(struct engine_container *c)
{
	(void)c;
	removed++;
}

static const struct engine_events events = { .start_failed = start_has_failed, .removed = was_removed };

/* --- the engine, the containers, containerd --------------------------------------------------------------------------
 */

static void connection_lost(void *data)
{
	struct containerd *of = data;
	struct rpc *r = of->rpc;

	of->rpc = NULL;
	rpc_free(r);
}

static void nothing(struct loop_timer *timer)
{
	(void)timer;
}

static void engine_connect(void)
{
	_cleanup_free_ char *path = str_format("%s/socket", place);

	e.rpc = rpc_connect(loop, path, connection_lost, &e, NULL);
}

static void engine_begin(void)
{
	_cleanup_free_ char *path = str_format("%s/socket", place);
	struct sockaddr_un address;

	failed = removed = 0;
	other_to_start = NULL;
	host = (struct engine_host){ .loop = loop, .events = &events };
	e = (struct containerd){ .engine.host = &host,
				 .namespace = "n",
				 .state = place,
				 .lazy = true,
				 .look.fn = nothing,
				 .unused = { .fn = idle_over, .data = &e } };
	list_init(&e.tasks);
	unixsock_address(&address, -1, NULL, path);
	server = unixsock_listen(&address, SOCK_STREAM, 8, NULL);
	engine_connect();
}

static void engine_end(void)
{
	_cleanup_free_ char *path = str_format("%s/socket", place);

	rpc_free(e.rpc);
	loop_timer_disarm(&e.look);
	close(server);
	unlink(path);
}

static void answer(struct engine_task *t, enum grpc_status status)
{
	rpc_cancel(&t->call.call);
	t->call.done(&t->call, status, "");
}

static char nowhere[] = "/nonexistent", out[] = "/out", err[] = "/err";
static struct bundle good = { .path = place }, bad = { .path = nowhere };

static struct capture capture = { .out.fifo = out, .err.fifo = err };

static struct engine_container container_new(const char *name, const struct bundle *bundle)
{
	return (struct engine_container){ .name = name, .bundle = bundle, .capture = &capture };
}

/* The stand-in has made it, and containerd has been started since: it is to be recorded. */
static struct engine_task *task_recording(struct engine_container *c)
{
	e.called = true;
	task_begin(&e, c, false);
	e.called = false;
	c->task->state = TASK_IDLE;
	c->task->made = c->task->unrecorded = true;
	tasks_resume(&e);
	return c->task;
}

/* --- tests ---------------------------------------------------------------------------------------------------------
 */

static void test_start(void)
{
	struct engine_container c = container_new("one", &good);
	struct engine_task *t;

	engine_begin();
	t = task_recording(&c);
	ok(t->state == TASK_RECORD && ask_active(&t->call),
	   "containerd gets the record of a container that was made without it");
	task_begin(&e, &c, false);
	ok(t->state == TASK_RECORD && t->call.call.call.stream == 1, "a start meanwhile begins no second call");
	answer(t, GRPC_ALREADY_EXISTS);
	ok(t->state == TASK_RECORD_OLD, "nor does it keep an old record");
	answer(t, GRPC_OK);
	ok(t->state == TASK_RECORD && !tasks_are_recorded(&e), "which makes room for this one");
	answer(t, GRPC_OK);
	ok(t->state == TASK_CREATE && ask_active(&t->call) && tasks_are_recorded(&e), "then it is started");
	task_detach(&c);
	engine_end();
}

static void test_start_given_up(void)
{
	struct engine_container c = container_new("one", &good);
	struct engine_task *t;

	engine_begin();
	t = task_recording(&c);
	task_begin(&e, &c, false);
	task_kill(t, SIGKILL);
	ok(t->state == TASK_KILL_OLD && failed == 0, "a start that is given up before it began leaves nothing behind");
	for (int i = 0; i < 3; i++)
		answer(t, GRPC_NOT_FOUND);
	ok(t->state == TASK_IDLE && failed == 1 && tasks_are_recorded(&e), "and has failed then");
	task_detach(&c);
	engine_end();
}

static void test_remove(void)
{
	struct engine_container c = container_new("one", &good);
	struct engine_task *t;

	engine_begin();
	t = task_recording(&c);
	task_remove(&e, &c);
	ok(t->state == TASK_RECORD && t->call.call.call.stream == 1 && removed == 0,
	   "a removal while it is recorded begins no second call");
	answer(t, GRPC_OK);
	ok(t->state == TASK_REMOVE && ask_active(&t->call) && removed == 0, "it follows");
	answer(t, GRPC_OK);
	ok(t->state == TASK_IDLE && removed == 1, "and is done");
	task_detach(&c);
	engine_end();
}

static void test_connection(void)
{
	struct engine_container one = container_new("one", &good), two = container_new("two", &good);

	engine_begin();
	task_recording(&one);
	task_recording(&two);
	task_begin(&e, &one, false);
	task_remove(&e, &two);
	connection_lost(&e);
	ok(one.task->state == TASK_RECORD && removed == 1 && two.task->state == TASK_IDLE,
	   "a connection that breaks ends the removal and has the start wait");
	engine_connect();
	tasks_resume(&e);
	ok(one.task->state == TASK_RECORD && ask_active(&one.task->call) && !ask_active(&two.task->call),
	   "the next one has that recorded and nothing else");
	answer(one.task, GRPC_OK);
	ok(one.task->state == TASK_CREATE, "and started");
	task_detach(&one);
	task_detach(&two);
	engine_end();
}

/* What task_states.c keeps of an end that comes while a call is under way. */
static void process_ended(struct loop_io *io, uint32_t what)
{
	struct engine_task *t = io->data;

	(void)what;
	loop_io_remove(io);
	t->ended = true;
}

static void test_signal(void)
{
	struct engine_container c = container_new("one", &good);
	struct engine_task *t;
	pid_t child = fork();

	if (child == 0)
		for (;;)
			pause();
	engine_begin();
	t = task_recording(&c);
	ok(task_process_watch(t, child, process_ended, NULL) == 0, "one that runs");
	task_kill(t, SIGTERM);
	ok(t->state == TASK_RECORD && failed == 0,
	   "is sent its signal while it is recorded, and its start has not failed");
	for (int i = 0; i < 100 && !t->ended; i++)
		loop_once(loop, 100 * 1000, NULL);
	ok(t->ended && t->state == TASK_RECORD, "its end is kept");
	answer(t, GRPC_OK);
	ok(t->state == TASK_WAIT && ask_active(&t->call), "until it is recorded");
	task_detach(&c);
	engine_end();
	waitpid(child, NULL, 0);
}

static void test_start_of_another(void)
{
	struct engine_container broken = container_new("broken", &bad), other = container_new("other", &good);

	engine_begin();
	e.called = true;
	task_begin(&e, &broken, false);
	e.called = false;
	other_to_start = &other;
	tasks_resume(&e);
	ok(failed == 1 && other.task && other.task->state == TASK_CONTAINER && other.task->call.call.call.stream == 1,
	   "one that starts because another's start has failed is started once");
	task_detach(&broken);
	task_detach(&other);
	engine_end();
}

static void test_stale(void)
{
	struct engine_container c = container_new("one", &good);
	struct engine_task *t;

	engine_begin();
	t = task_recording(&c);
	answer(t, GRPC_OK);
	e.alone = true;
	task_remove(&e, &c);
	ok(removed == 1 && t->state == TASK_IDLE && !tasks_are_recorded(&e),
	   "one that is removed while containerd sleeps");
	e.alone = false;
	tasks_resume(&e);
	ok(t->state == TASK_RECORD_OLD && ask_active(&t->call), "is removed from its records when it wakes");
	answer(t, GRPC_OK);
	ok(t->state == TASK_IDLE && removed == 1 && tasks_are_recorded(&e), "once");
	task_detach(&c);
	engine_end();
}

static void test_idle(void)
{
	struct engine_container c = container_new("one", &good);
	_cleanup_free_ char *space = str_format("%s/other", place), *own = str_format("%s/n", place),
			    *task = str_format("%s/other/x", place), *ours = str_format("%s/n/one", place);
	struct engine_task *t;

	engine_begin();
	t = task_recording(&c);
	answer(t, GRPC_OK);
	e.idle = 1;
	e.open = true;
	dir_make(own, 0755, NULL);
	dir_make(ours, 0755, NULL);
	dir_make(space, 0755, NULL);
	dir_make(task, 0755, NULL);
	idle_over(&e.unused);
	ok(!e.resting, "containerd stays while others have tasks in it");
	rmdir(task);
	rmdir(space);
	e.gate.relays.count = 1;
	idle_over(&e.unused);
	ok(!e.resting, "and while it has a client");
	e.gate.relays.count = 0;
	idle_over(&e.unused);
	ok(e.resting && !containerd_begins(&e), "then nothing new is begun with it");
	task_begin(&e, &c, false);
	ok(t->state == TASK_QUEUED, "a start waits");
	task_detach(&c);
	loop_timer_disarm(&e.unused);
	engine_end();
	rmdir(ours);
	rmdir(own);
}

static int command_ask(struct engine *engine, struct engine_container *c, char *const *argv, engine_exec_fn *done,
		       void *data, struct error *error)
{
	(void)engine;
	return task_exec(c->task, argv, done, data, error);
}

static void became_ready(void *data)
{
	(void)data;
}

/* A service that goes to another containerd while its check of readiness is under way there. */
static void test_check(void)
{
	static const struct engine_ops ops = { .exec = command_ask };
	char command[] = "check", *argv[] = { command, NULL };
	struct engine_container c = container_new("one", &good);
	struct policy policy = { .ready = POLICY_READY_EXEC, .ready_argv = argv };
	struct ready ready = { 0 };

	engine_begin();
	e.engine.ops = &ops;
	for (int i = 0; i < 2; i++) {
		answer(task_recording(&c), GRPC_OK);
		ready_arm(&ready,
			  &(struct ready_subject){ .loop = loop,
						   .policy = &policy,
						   .capture = &capture,
						   .engine = &e.engine,
						   .container = &c,
						   .done = became_ready });
		ready_begin(&ready, getpid());
		ok(containerd_exec_active(&c.task->exec), "a check of readiness%s",
		   i ? " of the next task, after one that was cut off" : "");
		ready_end(&ready);
		task_detach(&c);
	}
	engine_end();
}

static void config_write(void)
{
	static const char config[] = "{\"ociVersion\":\"1.0.2\",\"process\":{\"args\":[\"x\"],\"cwd\":\"/"
				     "\"},\"root\":{\"path\":\"rootfs\"}}";
	_cleanup_free_ char *path = str_format("%s/config.json", place);

	file_write(path, config, sizeof(config) - 1, 0644, NULL);
}

int main(void)
{
	loop = loop_new(NULL);
	if (!mkdtemp(place) || !loop)
		return 1;
	config_write();
	test_start();
	test_start_given_up();
	test_remove();
	test_connection();
	test_signal();
	test_start_of_another();
	test_stale();
	test_idle();
	test_check();
	loop_free(loop);
	dir_remove(place, NULL);
	return tap_done();
}
