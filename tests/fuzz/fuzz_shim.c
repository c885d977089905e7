/* What the shim takes from others, by the first byte: a message of a peer (any that it unpacks, as a request, as
 * options, as parameters), a bundle's configuration, a runtime's state and output, control groups, a URI, mount
 * options, the record of an end. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "bootstrap.pb-c.h"
#include "bundle.h"
#include "cgroups.h"
#include "command.h"
#include "events_forward.pb-c.h"
#include "exit_record.h"
#include "idmap.h"
#include "job.h"
#include "libcontainer.h"
#include "mountformat.h"
#include "oom.h"
#include "pod.h"
#include "pod_sandbox.pb-c.h"
#include "rootfs.h"
#include "runc_options.pb-c.h"
#include "sandbox_service.pb-c.h"
#include "str.h"
#include "task_service.pb-c.h"
#include "uri.h"

static const ProtobufCMessageDescriptor *const messages[] = {
	&containerd__task__v2__state_request__descriptor,
	&containerd__task__v2__create_task_request__descriptor,
	&containerd__task__v2__start_request__descriptor,
	&containerd__task__v2__delete_request__descriptor,
	&containerd__task__v2__pids_request__descriptor,
	&containerd__task__v2__pause_request__descriptor,
	&containerd__task__v2__resume_request__descriptor,
	&containerd__task__v2__checkpoint_task_request__descriptor,
	&containerd__task__v2__kill_request__descriptor,
	&containerd__task__v2__exec_process_request__descriptor,
	&containerd__task__v2__resize_pty_request__descriptor,
	&containerd__task__v2__close_iorequest__descriptor,
	&containerd__task__v2__update_task_request__descriptor,
	&containerd__task__v2__wait_request__descriptor,
	&containerd__task__v2__stats_request__descriptor,
	&containerd__task__v2__connect_request__descriptor,
	&containerd__task__v2__shutdown_request__descriptor,
	&containerd__runtime__sandbox__v1__create_sandbox_request__descriptor,
	&containerd__runtime__sandbox__v1__start_sandbox_request__descriptor,
	&containerd__runtime__sandbox__v1__platform_request__descriptor,
	&containerd__runtime__sandbox__v1__stop_sandbox_request__descriptor,
	&containerd__runtime__sandbox__v1__wait_sandbox_request__descriptor,
	&containerd__runtime__sandbox__v1__sandbox_status_request__descriptor,
	&containerd__runtime__sandbox__v1__ping_request__descriptor,
	&containerd__runtime__sandbox__v1__shutdown_sandbox_request__descriptor,
	&containerd__runtime__sandbox__v1__sandbox_metrics_request__descriptor,
	&containerd__runtime__bootstrap__v1__bootstrap_params__descriptor,
	&runtime__v1__pod_sandbox_config__descriptor,
	&containerd__runc__v1__options__descriptor,
	&containerd__runc__v1__checkpoint_options__descriptor,
	&containerd__services__events__ttrpc__v1__forward_request__descriptor,
};

/* What was understood can be written, and read again. */
static void message(unsigned which, const uint8_t *data, size_t n)
{
	const ProtobufCMessageDescriptor *type = messages[which % array_len(messages)];
	ProtobufCMessage *m = protobuf_c_message_unpack(type, NULL, n, data), *again;
	_cleanup_free_ uint8_t *packed = NULL;
	size_t size;

	if (!m)
		return;
	size = protobuf_c_message_get_packed_size(m);
	packed = malloc(size ? size : 1);
	assert(packed && protobuf_c_message_pack(m, packed) == size);
	again = protobuf_c_message_unpack(type, NULL, size, packed);
	/* Unknown fields are passed on as they came, also with numbers that are none. */
	if (again)
		protobuf_c_message_free_unpacked(again, NULL);
	protobuf_c_message_free_unpacked(m, NULL);
}

static void options(const char *text)
{
	_cleanup_strv_ char **in = strv_split(text, "\n"), **shorter = NULL;
	const struct mount_made made[] = { { (char *)"/s", (char *)"", (char *)"/0" },
					   { (char *)"", (char *)"t", (char *)"/1" } };
	_cleanup_free_ char *dir = NULL, *value = mount_format(text, made, array_len(made), NULL);

	_cleanup_buf_ struct buf map = { 0 };

	if (idmap_format(text, &map, NULL) == 0)
		assert(strlen(buf_text(&map)) == map.len && map.len <= strlen(text) + 1);
	assert(!value || strstr(text, "{{") || strcmp(value, text) == 0);
	if (!in || rootfs_compact(in, &dir, &shorter, NULL) < 0 || !dir)
		return;
	assert(dir[strlen(dir) - 1] == '/' && strv_len(shorter) == strv_len(in));
}

static void text_parsers(unsigned which, const char *text, size_t n)
{
	_cleanup_bundle_config_ struct bundle_config config = { 0 };
	_cleanup_libcontainer_state_ struct libcontainer_state state = { 0 };
	_cleanup_cgroups_ struct cgroups groups = { 0 };
	_cleanup_uri_ struct uri uri = { 0 };
	_cleanup_free_ char *reason = NULL;
	struct exit_record end;

	switch (which) {
	case 1:
		bundle_config_parse(text, n, &config, NULL);
		return;
	case 2:
		if (libcontainer_state_parse(text, n, &state, NULL) == 0)
			for (char **g = state.cgroups; g && *g; g++)
				assert(cgroups_path_is_safe(*g));
		return;
	case 3:
		cgroups_parse(text, n % 2, &groups, NULL);
		cgroups_dir(&groups, "memory");
		return;
	case 4:
		if (uri_parse(text, &uri, NULL) == 0)
			assert(*uri.path == '/');
		return;
	case 5:
		reason = job_message(text, n);
		return;
	case 6:
		oom_kills_parse(text);
		return;
	case 9:
		if (exit_record_parse(text, n, &end, NULL) == 0)
			assert(end.pid > 0 && end.status < 256 && end.at.tv_nsec < 1000000000);
		return;
	default:
		options(text);
	}
}

static void pod(const uint8_t *data, size_t n)
{
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	struct pod p;

	any.type_url = (char *)"runtime.v1.PodSandboxConfig";
	any.value = (ProtobufCBinaryData){ .data = (uint8_t *)data + 1, .len = n - 1 };
	if (pod_read(&any, data[0] & 1, &p, NULL) < 0)
		return;
	for (char **file = p.sysctls; file && *file; file += 2)
		assert(str_starts(*file, "/proc/sys/") && !strstr(*file, "..") && file[1]);
	pod_clear(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = NULL;
	struct start_params params;
	unsigned which;

	if (size < 2 || size > 16384)
		return 0;
	which = data[0] % 10;
	if (which == 0) {
		message(data[1], data + 2, size - 2);
	} else if (which == 9) {
		pod(data + 1, size - 1);
	} else if (which == 8) {
		start_params_parse(data + 1, size - 1, "one", "ns", &params, NULL);
		start_params_clear(&params);
	} else {
		text = strndup((const char *)data + 1, size - 1);
		if (text)
			text_parsers(which, text, strlen(text));
	}
	return 0;
}
