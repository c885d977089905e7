#include "leftovers.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>

#include "calls.h"
#include "io.h"
#include "log.h"
#include "str.h"

bool leftovers_bundle_remove(const char *state, const char *namespace, const char *name, const char *message)
{
	_cleanup_free_ char *dir = str_format("%s/%s/%s", state, namespace, name);
	_cleanup_free_ char *rootfs = str_format("%s/%s/%s/rootfs", state, namespace, name);

	if (!dir || !rootfs || !strstr(message, "file exists") || !strstr(message, dir))
		return false;
	log_warn("%s: removing what a killed containerd left: %s", name, dir);
	umount2(rootfs, MNT_DETACH);
	return dir_remove(dir, NULL) == 0;
}

void leftovers_deleted_remove(const char *state, const char *namespace, const char *name)
{
	_cleanup_free_ char *dir = str_format("%s/%s/.%s", state, namespace, name);
	_cleanup_free_ char *rootfs = dir ? str_format("%s/rootfs", dir) : NULL;

	if (!rootfs)
		return;
	umount2(rootfs, MNT_DETACH | UMOUNT_NOFOLLOW);
	dir_remove(dir, NULL);
}

/* containerd removes a task's folder under a name with a dot in front. One that was killed in between leaves that name
 * behind, passes over it ever after, and cannot remove a later task of the service, whose folder would get the same. */
void leftovers_removed_clear(const char *tasks)
{
	_cleanup_strv_ char **spaces = dir_names(AT_FDCWD, tasks, false, NULL);

	for (char **space = spaces; space && *space; space++) {
		_cleanup_free_ char *dir = str_format("%s/%s", tasks, *space);
		_cleanup_strv_ char **names = dir ? dir_names(AT_FDCWD, dir, true, NULL) : NULL;

		for (char **name = names; name && *name; name++) {
			if (**name == '.')
				leftovers_deleted_remove(tasks, *space, *name + 1);
		}
	}
}

static void container_next(struct leftovers *l);

static void container_deleted(struct rpc_call *c, enum grpc_status status, const char *message)
{
	if (status != GRPC_OK)
		log_debug("delete of a container that is no service: %s", message);
	container_next(c->data);
}

static void container_next(struct leftovers *l)
{
	char *name;

	while (l->rpc && !rpc_is_lost(l->rpc) && l->names && (name = l->names[0])) {
		memmove(l->names, l->names + 1, strv_len(l->names) * sizeof(char *));
		if (l->host->events->is_known(name, l->host->data)) {
			free(name);
			continue;
		}
		log_info("forgetting %s, which is no service any more", name);
		l->call.done = container_deleted;
		containerd_container_delete(l->rpc, &l->call, l->namespace, name);
		free(name);
		return;
	}
	if (l->looked)
		l->looked(l->data);
}

static void containers_listed(struct rpc_call *c, enum grpc_status status, const char *message)
{
	struct leftovers *l = c->data;

	(void)message;
	strv_free(l->names);
	l->names = status == GRPC_OK ? containerd_container_names(c) : NULL;
	container_next(l);
}

void leftovers_begin(struct leftovers *l, struct rpc *rpc, const char *namespace, const struct engine_host *host)
{
	if (l->begun)
		return;
	l->begun = true;
	l->rpc = rpc;
	l->namespace = namespace;
	l->host = host;
	l->call.done = containers_listed;
	l->call.data = l;
	containerd_container_list(rpc, &l->call, namespace);
}

void leftovers_end(struct leftovers *l)
{
	rpc_cancel(&l->call);
	l->rpc = NULL;
	strv_free(l->names);
	l->names = NULL;
}
