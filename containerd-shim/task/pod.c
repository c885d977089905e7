#include "pod.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "idmap.h"
#include "pod_sandbox.pb-c.h"
#include "str.h"

enum { HOSTNAME_MAX = 64 };

void pod_clear(struct pod *p)
{
	free(p->hostname);
	free(p->uids);
	free(p->gids);
	strv_free(p->sysctls);
	*p = (struct pod){ 0 };
}

static int no_memory(struct error *err)
{
	return error_set(err, ENOMEM, "pod");
}

/* In the form of a mount option, which idmap_format() checks. */
static int mapping_read(Runtime__V1__IDMapping *const *ranges, size_t count, char **out, struct error *err)
{
	_cleanup_buf_ struct buf text = { 0 }, checked = { 0 };

	for (size_t i = 0; i < count; i++)
		if (buf_addf(&text, "%s%u:%u:%u", i > 0 ? "," : "", ranges[i]->container_id, ranges[i]->host_id,
			     ranges[i]->length) < 0)
			return no_memory(err);
	if (idmap_format(buf_text(&text), &checked, err) < 0)
		return -1;
	*out = buf_steal_text(&text);
	return *out ? 0 : no_memory(err);
}

/* Which namespace a sysctl belongs to; the host's has no name. */
static bool sysctl_is_own(const char *name, const struct pod *p, bool host_network)
{
	static const char *const ipc[] = { "kernel.shm", "kernel.msg", "kernel.sem", "fs.mqueue." };

	for (size_t i = 0; i < array_len(ipc); i++)
		if (str_starts(name, ipc[i]))
			return !p->host_ipc;
	if (str_eq(name, "kernel.domainname"))
		return !p->host_uts;
	return str_starts(name, "net.") && !host_network;
}

static int sysctl_add(struct pod *p, const char *name, const char *value, bool host_network, struct error *err)
{
	_cleanup_free_ char *file = NULL;

	if (!sysctl_is_own(name, p, host_network))
		return error_say(err, EINVAL, "sysctl %s is not in a namespace of the pod's own", name);
	file = str_format("/proc/sys/%s", name);
	/* No dot is left that could lead up. */
	for (char *c = file; c && *c; c++)
		if (*c == '.')
			*c = '/';
	return !file || strv_add(&p->sysctls, file) < 0 || strv_add(&p->sysctls, value) < 0 ? no_memory(err) : 0;
}

static int linux_read(const Runtime__V1__LinuxPodSandboxConfig *l, bool host_network, struct pod *p, struct error *err)
{
	const Runtime__V1__NamespaceOption *n = l->security_context ? l->security_context->namespace_options : NULL;
	const Runtime__V1__UserNamespace *u = n ? n->userns_options : NULL;

	if (n) {
		p->host_uts = n->network == RUNTIME__V1__NAMESPACE_MODE__NODE;
		p->host_pid = n->pid == RUNTIME__V1__NAMESPACE_MODE__NODE;
		p->host_ipc = n->ipc == RUNTIME__V1__NAMESPACE_MODE__NODE;
	}
	if (u && u->mode != RUNTIME__V1__NAMESPACE_MODE__POD && u->mode != RUNTIME__V1__NAMESPACE_MODE__NODE)
		return error_say(err, EINVAL, "a user namespace is the pod's or the host's, not of mode %d",
				 (int)u->mode);
	if (u && u->mode == RUNTIME__V1__NAMESPACE_MODE__POD &&
	    (mapping_read(u->uids, u->n_uids, &p->uids, err) < 0 ||
	     mapping_read(u->gids, u->n_gids, &p->gids, err) < 0))
		return error_wrap(err, "user namespace");
	for (size_t i = 0; i < l->n_sysctls; i++)
		if (sysctl_add(p, l->sysctls[i]->key, l->sysctls[i]->value, host_network, err) < 0)
			return -1;
	return 0;
}

static int config_read(const Runtime__V1__PodSandboxConfig *c, bool host_network, struct pod *p, struct error *err)
{
	if (c->linux_config && linux_read(c->linux_config, host_network, p, err) < 0)
		return -1;
	if (!*c->hostname || p->host_uts)
		return 0;
	if (strlen(c->hostname) > HOSTNAME_MAX)
		return error_say(err, EINVAL, "hostname \"%.80s\" is longer than %d bytes", c->hostname, HOSTNAME_MAX);
	p->hostname = strdup(c->hostname);
	return p->hostname ? 0 : no_memory(err);
}

int pod_read(const Google__Protobuf__Any *any, bool host_network, struct pod *out, struct error *err)
{
	Runtime__V1__PodSandboxConfig *c;
	int r;

	*out = (struct pod){ 0 };
	if (!any || !str_ends(any->type_url, "runtime.v1.PodSandboxConfig"))
		return 0;
	c = runtime__v1__pod_sandbox_config__unpack(NULL, any->value.len, any->value.data);
	if (!c)
		return error_say(err, EINVAL, "the options are no runtime.v1.PodSandboxConfig");
	r = config_read(c, host_network, out, err);
	runtime__v1__pod_sandbox_config__free_unpacked(c, NULL);
	if (r < 0)
		pod_clear(out);
	return r;
}
