#include "command.h"

#include "log.h"
#include "spawn.h"

static void command_ended(struct loop_child *child, int status)
{
	struct command *c = child->data;

	c->running = false;
	if (status != 0)
		log_warn("%s: %s", c->words, spawn_status_text(status));
	if (c->again)
		command_run(c);
}

void command_run(struct command *c)
{
	_cleanup_error_ struct error err = { 0 };
	pid_t pid;

	c->again = c->running;
	if (c->running)
		return;
	log_info("running %s", c->words);
	pid = spawn(&(struct spawn){ .path = c->argv[0], .argv = c->argv, .inherit_stdio = true }, &err);
	c->child = (struct loop_child){ .fn = command_ended, .data = c };
	if (pid < 0 || loop_child_add(c->loop, &c->child, pid, &err) < 0)
		log_error("%s", error_text(&err));
	else
		c->running = true;
}
