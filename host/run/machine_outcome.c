#include "machine_private.h"

#include <string.h>
#include <sys/wait.h>

#include "log.h"
#include "spawn.h"
#include "str.h"

/* QEMU's messages, each without its own name in front, joined to one line. */
static char *messages_text(struct machine *m)
{
	_cleanup_strv_ char **lines = strv_split(buf_text(&m->said), "\r\n");
	size_t i;

	for (i = 0; lines && lines[i]; i++) {
		const char *colon = strstr(lines[i], ": ");

		if (colon && strstr(lines[i], "qemu") && strstr(lines[i], "qemu") < colon)
			memmove(lines[i], colon + 2, strlen(colon + 2) + 1);
	}
	return lines ? strv_join(lines, "; ") : NULL;
}

int machine_outcome(struct machine *m, struct error *err)
{
	_cleanup_free_ char *said = messages_text(m);
	bool quit_early = m->quitting && WIFSIGNALED(m->status);

	if (said && *said)
		log_debug("QEMU: %s", said);
	if (m->ending.panic[0] && (m->hopeless || str_eq(m->reason, "guest-panic") || str_eq(m->reason, "guest-reset")))
		return error_set(err, 0, "the guest's kernel panicked: %s", m->ending.panic);
	if (m->hopeless)
		return error_set(err, 0,
				 "the guest resets again and again without a word: not enough memory (--mem), or no "
				 "kernel for this machine");
	if (quit_early || str_eq(m->reason, "host-qmp-quit"))
		return error_set(err, 0, "the machine was stopped before its guest had powered down");
	/* A device that ended well did so because QEMU was killed. */
	if (m->lost && (m->status == 0 || m->lost_status != 0))
		return error_set(err, 0, "%s", m->lost);
	if (m->status != 0)
		return error_set(err, 0, "QEMU failed (%s)%s%s%s", spawn_status_text(m->status),
				 said && *said ? ": " : "", said ? said : "",
				 said && strstr(said, "sandbox") ? ": --no-sandbox runs it without" : "");
	if (str_eq(m->reason, "guest-panic"))
		return error_set(err, 0, "the guest's kernel panicked");
	if (str_eq(m->reason, "host-signal") || str_eq(m->reason, "host-error") || str_eq(m->reason, "host-ui"))
		return error_set(err, 0, "the machine was stopped from outside (%s)", m->reason);
	if (m->ending.failure[0])
		return error_set(err, 0, "the machine was not set up: %s", m->ending.failure);
	return 0;
}
