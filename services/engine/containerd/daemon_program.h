/* containerd's program as it is started. */
#pragma once

#include <sys/types.h>

#include "capture.h"
#include "daemon_settings.h"
#include "error.h"

struct daemon_program {
	const char *path;
	const char *address;                    /* where it is to listen; NULL: where its configuration says */
	const struct daemon_settings *settings; /* its arguments and streams */
	const struct capture *capture;          /* of the streams that the settings say nothing of */
	const char *notify;                     /* the socket on which it says that it serves */
	int record;                             /* where its number is written before it runs (recorded.h) */
};

/* Its process; -1 on failure. */
pid_t daemon_program_spawn(const struct daemon_program *p, struct error *err);
