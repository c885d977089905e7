#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "allow.h"
#include "cleanup.h"
#include "forward.h"
#include "helper.h"
#include "str.h"

static int command_make(const struct forward_options *o, char ***argv)
{
	if (strv_add(argv, "pith") < 0 || strv_add(argv, "forward") < 0 ||
	    strv_addf(argv, "--life-fd=%d", HELPER_FD) < 0 || strv_addf(argv, "--ready-fd=%d", HELPER_READY_FD) < 0 ||
	    strv_addf(argv, "--state=%s", o->state) < 0)
		return -1;
	for (char *const *p = o->ports; p && *p; p++)
		if (strv_addf(argv, "--port=%s", *p) < 0)
			return -1;
	if (o->allow && strv_addf(argv, "--allow=%s", o->allow) < 0)
		return -1;
	return o->background ? strv_add(argv, "--background") : 0;
}

int forward_start(const struct forward_options *o, struct forward_child *out, struct error *err)
{
	_cleanup_strv_ char **argv = NULL;
	_cleanup_close_ int life_read = -1, life_write = -1;
	int life[2];

	*out = (struct forward_child){ .life = -1 };
	if (command_make(o, &argv) < 0)
		return error_set(err, ENOMEM, "ports");
	if (pipe2(life, O_CLOEXEC) < 0)
		return error_set(err, errno, "ports");
	life_read = life[0];
	life_write = life[1];
	out->pid = helper_start(argv, life_read, "the ports were not opened", err);
	if (out->pid < 0) {
		out->pid = 0;
		return -1;
	}
	out->life = steal_fd(&life_write);
	return 0;
}

int forward_allow_check(const char *text, struct error *err)
{
	struct allow allow;
	int r = allow_parse(text, &allow, err);

	allow_free(&allow);
	return r;
}
