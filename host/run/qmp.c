#include "qmp.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static void copy(char *to, size_t size, const json_t *string)
{
	const char *s = json_string_value(string);

	snprintf(to, size, "%s", s ? s : "");
}

static void event(const json_t *root, const json_t *name, struct qmp_message *out)
{
	const json_t *data = json_object_get(root, "data"), *text = json_object_get(data, "reason");

	out->kind = QMP_EVENT;
	copy(out->name, sizeof(out->name), name);
	copy(out->text, sizeof(out->text), text ? text : json_object_get(data, "action"));
}

int qmp_parse(const char *line, size_t n, struct qmp_message *out, struct error *err)
{
	json_error_t where;
	json_t *root = json_loadb(line, n, JSON_REJECT_DUPLICATES, &where), *part;

	*out = (struct qmp_message){ .kind = QMP_OTHER };
	if (!json_is_object(root)) {
		json_decref(root);
		return error_set(err, EPROTO, "QEMU's control socket says no JSON object");
	}
	if (json_object_get(root, "QMP")) {
		out->kind = QMP_GREETING;
	} else if (json_object_get(root, "return")) {
		out->kind = QMP_RETURN;
	} else if ((part = json_object_get(root, "error"))) {
		out->kind = QMP_ERROR;
		copy(out->name, sizeof(out->name), json_object_get(part, "class"));
		copy(out->text, sizeof(out->text), json_object_get(part, "desc"));
	} else if (json_is_string(part = json_object_get(root, "event"))) {
		event(root, part, out);
	}
	json_decref(root);
	return 0;
}

int qmp_next(struct buf *received, struct qmp_message *out, struct error *err)
{
	const char *start, *end;
	int r;

	if (received->len == 0)
		return 0;
	start = (const char *)buf_bytes(received);
	end = memchr(start, '\n', received->len);
	if (!end)
		return received->len < QMP_LINE_MAX ? 0
						    : error_set(err, EMSGSIZE, "QEMU's control socket: endless line");
	r = qmp_parse(start, (size_t)(end - start), out, err);
	buf_consume(received, (size_t)(end - start) + 1);
	return r < 0 ? -1 : 1;
}

int qmp_send(int fd, const char *command, struct error *err)
{
	char line[128];
	int n = snprintf(line, sizeof(line), "{\"execute\":\"%s\"}\n", command);
	ssize_t sent;

	do
		sent = send(fd, line, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (sent < 0 && errno == EINTR);
	if (sent == n)
		return 0;
	return error_set(err, sent < 0 ? errno : EMSGSIZE, "QEMU's control socket: %s", command);
}
