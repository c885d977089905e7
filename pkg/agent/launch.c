#include "launch.h"

#include <stdlib.h>
#include <unistd.h>

#include "agent.h"
#include "launch_private.h"

void launch_init(struct launch *l)
{
	*l = (struct launch){ .output = -1 };
	ptysock_init(&l->console);
	for (int i = 0; i < 3; i++)
		l->ends[i] = l->child[i] = -1;
}

void launch_clear(struct launch *l)
{
	job_drop(&l->job);
	ptysock_close(&l->console);
	for (int i = 0; i < 3; i++) {
		launch_close(&l->ends[i]);
		launch_close(&l->child[i]);
	}
	launch_close(&l->output);
	if (l->pid_file)
		unlink(l->pid_file); /* may not be there */
	free(l->pid_file);
	free(l->root);
	launch_init(l);
}

void launch_start(struct launch *l, struct agent *a, const struct agent_request *request, launch_fn *done)
{
	_cleanup_error_ struct error e = { 0 };

	l->agent = a;
	l->request = request;
	l->done = done;
	l->job.data = l;
	if (!request->service)
		guest_start(l);
	else if (container_start(l, &e) < 0)
		launch_fail(l, 1, &e);
}
