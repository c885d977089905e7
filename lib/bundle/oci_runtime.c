#include "oci_runtime.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fields_private.h"
#include "str.h"

static int mount_read(const struct jsonr *object, void *to, struct error *err)
{
	struct oci_mount *m = to;

	if (field_text(object, "destination", &m->destination, err) < 0 ||
	    field_text(object, "source", &m->source, err) < 0 || field_text(object, "type", &m->type, err) < 0 ||
	    field_texts(object, "options", &m->options, err) < 0)
		return -1;
	return m->destination ? 0 : error_set(err, 0, "destination: missing");
}

static int interface_read(const struct jsonr *object, void *to, struct error *err)
{
	struct oci_interface *i = to;

	if (field_text(object, "name", &i->name, err) < 0 || field_text(object, "add", &i->add, err) < 0 ||
	    field_text(object, "peer", &i->peer, err) < 0 ||
	    field_bool(object, "createInRoot", &i->create_in_root, err) < 0)
		return -1;
	if (!i->name)
		return error_set(err, 0, "name: missing");
	/* Only a veth has a peer. */
	if (i->peer && !i->add && !(i->add = strdup("veth")))
		return error_set(err, ENOMEM, "add");
	if (i->add && str_eq(i->add, "veth") && !i->peer)
		return error_set(err, 0, "peer: missing for a veth");
	return 0;
}

static int bind_ns_read(const struct jsonr *root, char *out[NS_COUNT], struct error *err)
{
	struct jsonr object;

	if (field_get(root, "bindNS", JSONR_OBJECT, &object, err) < 0)
		return -1;
	for (int i = 0; i < NS_COUNT; i++)
		if (field_text(&object, ns_names[i], &out[i], err) < 0)
			return error_wrap(err, "bindNS");
	return 0;
}

int oci_runtime_parse(const void *json, size_t n, struct oci_runtime *out, struct error *err)
{
	struct jsonr root;
	struct oci_runtime r = { 0 };
	void *mounts = NULL, *interfaces = NULL;
	int result;

	*out = r;
	if (fields_load(json, n, &root, err) < 0)
		return -1;
	result = field_texts(&root, "cgroups", &r.cgroups, err) < 0 ||
		field_objects(&root, "mounts", sizeof(*r.mounts), &mounts, &r.mount_count, mount_read, err) < 0 ||
		field_texts(&root, "mkdir", &r.mkdir, err) < 0 ||
		field_objects(&root, "interfaces", sizeof(*r.interfaces), &interfaces, &r.interface_count,
			      interface_read, err) < 0 ||
		bind_ns_read(&root, r.bind_ns, err) < 0 ||
		field_text(&root, "namespace", &r.containerd_namespace, err) < 0;
	r.mounts = mounts;
	r.interfaces = interfaces;
	if (result) {
		oci_runtime_clear(&r);
		return -1;
	}
	*out = r;
	return 0;
}

void oci_runtime_clear(struct oci_runtime *r)
{
	size_t i;

	strv_free(r->cgroups);
	strv_free(r->mkdir);
	for (i = 0; i < r->mount_count; i++) {
		free(r->mounts[i].destination);
		free(r->mounts[i].source);
		free(r->mounts[i].type);
		strv_free(r->mounts[i].options);
	}
	free(r->mounts);
	for (i = 0; i < r->interface_count; i++) {
		free(r->interfaces[i].name);
		free(r->interfaces[i].add);
		free(r->interfaces[i].peer);
	}
	free(r->interfaces);
	for (i = 0; i < NS_COUNT; i++)
		free(r->bind_ns[i]);
	free(r->containerd_namespace);
	*r = (struct oci_runtime){ 0 };
}

bool oci_runtime_splits_start(const struct oci_runtime *r)
{
	int i;

	for (i = 0; i < NS_COUNT; i++)
		if (r->bind_ns[i])
			return true;
	return r->interface_count > 0;
}
