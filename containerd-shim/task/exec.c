/* Exec: an added process is only noted, Start starts it. Its description is kept as the client gave it. */
#include "exec.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "container.h"
#include "empty.pb-c.h"
#include "io.h"
#include "jsonr.h"
#include "reply.h"
#include "shim.h"
#include "task.h"

void task_exec(struct container *c, struct call *call, const Containerd__Task__V2__ExecProcessRequest *r)
{
	Containerd__Events__TaskExecAdded event = CONTAINERD__EVENTS__TASK_EXEC_ADDED__INIT;
	const Google__Protobuf__Empty empty = GOOGLE__PROTOBUF__EMPTY__INIT;
	struct process *p;
	struct jsonr spec;

	if (c->init.state == PROCESS_STOPPED || c->paused) {
		call_fail(call, GRPC_FAILED_PRECONDITION, "cannot exec in a %s container",
			  c->paused ? "paused" : "stopped");
		return;
	}
	if (!r->spec || jsonr_parse((const char *)r->spec->value.data, r->spec->value.len, &spec, NULL) < 0 ||
	    spec.type != JSONR_OBJECT) {
		call_fail(call, GRPC_INVALID_ARGUMENT,
			  "exec %s: spec is no process of the OCI runtime specification in JSON", r->exec_id);
		return;
	}
	p = process_new(c, r->exec_id, r->stdin, r->stdout, r->stderr, r->terminal);
	if (!p || buf_add(&p->spec, r->spec->value.data, r->spec->value.len) < 0) {
		if (p)
			process_free(p);
		call_fail(call, GRPC_RESOURCE_EXHAUSTED, "out of memory");
		return;
	}
	event.container_id = c->id;
	event.exec_id = p->id;
	publish(&c->shim->publisher, "/tasks/exec-added", &event.base);
	call_reply(call, &empty.base);
}

/* --- for Start -----------------------------------------------------------------------------------------------------
 */

/* The description, with what the request says about the terminal: that wins over what stands in it. */
static int spec_terminal(const struct buf *spec, bool terminal, struct buf *out)
{
	struct jsonr doc, key, value;
	struct jsonr_iter it;

	if (jsonr_parse(buf_text(spec), spec->len, &doc, NULL) < 0 || doc.type != JSONR_OBJECT) {
		errno = EINVAL;
		return -1;
	}
	if (buf_addf(out, "{\"terminal\":%s", terminal ? "true" : "false") < 0)
		return -1;
	for (it = jsonr_iter(&doc); jsonr_member(&it, &key, &value);)
		if (!jsonr_is(&key, "terminal") &&
		    buf_addf(out, ",%.*s:%.*s", (int)key.len, key.start, (int)value.len, value.start) < 0)
			return -1;
	return buf_addstr(out, "}");
}

int exec_spec_file(const struct process *p, struct error *err)
{
	_cleanup_close_ int fd = memfd_create("process", MFD_CLOEXEC);
	_cleanup_buf_ struct buf text = { 0 };

	if (fd < 0 || spec_terminal(&p->spec, p->paths.terminal, &text) < 0 ||
	    io_write(fd, buf_bytes(&text), text.len) < 0)
		return error_set(err, errno, "description of the process");
	return steal_fd(&fd);
}
