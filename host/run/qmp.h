/* QMP, QEMU's control protocol: one JSON object a line.
 * https://www.qemu.org/docs/master/interop/qmp-spec.html */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"
#include "error.h"

/* Longer lines are refused. QEMU's own events and the answers to what we ask are a few hundred bytes. */
#define QMP_LINE_MAX 65536

enum qmp_kind {
	QMP_GREETING, /* the first line; commands may follow */
	QMP_RETURN,
	QMP_ERROR, /* text: what QEMU says about the command */
	QMP_EVENT, /* name, and text where the event has a reason or an action */
	QMP_OTHER, /* valid, and nothing to us */
};

struct qmp_message {
	enum qmp_kind kind;
	char name[48];
	char text[256];
};

/* Parses one line. Pure; the message is cut to the size of its fields. */
int qmp_parse(const char *line, size_t n, struct qmp_message *out, struct error *err);

/* Takes the next whole line out of what was received, parses it: 1 with a message, 0 when there is no whole line, -1
 * when the line is too long or no QMP. */
int qmp_next(struct buf *received, struct qmp_message *out, struct error *err);

/* Sends {"execute": command}. The peer reads eagerly and commands are tiny: a socket that takes less is an error. */
int qmp_send(int fd, const char *command, struct error *err);
