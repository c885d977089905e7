/* runtime.json: the mounts that make the root file system, then what the YAML's `runtime` says. All keys are always
 * there. */
#include <errno.h>
#include <stdlib.h>

#include "dump.h"
#include "spec.h"
#include "str.h"

static const struct node *runtime_of(const struct node *container)
{
	return node_field(container, CONTAINER_RUNTIME);
}

/* Field by field: the YAML's, else the label's. */
static const struct node *runtime_pick(const struct spec_input *in, size_t field)
{
	const struct node *v = node_field(runtime_of(in->entry->node), field);

	return v ? v : node_field(runtime_of(in->label), field);
}

static void write_mount(struct jsonw *w, const char *source, const char *type, const char *destination,
			char *const *options)
{
	jsonw_object(w, NULL);
	jsonw_string(w, "destination", destination ? destination : "");
	if (type)
		jsonw_string(w, "type", type);
	if (source)
		jsonw_string(w, "source", source);
	if (options)
		jsonw_strings(w, "options", options);
	jsonw_end(w);
	w->failed |= !destination;
}

/* Read-only: a bind mount, from itself if need be, since a root file system must be a mount point. Writable: an overlay
 * whose upper layer is in a tmpfs that nothing else sees. */
static void write_root(struct jsonw *w, const struct spec *spec)
{
	static char *const bind[] = { (char *)"bind", NULL },
			   *const private[] = { (char *)"remount", (char *)"private", NULL };
	_cleanup_free_ char *source = str_format("/%s", spec->unpacked), *tmp = str_format("/%s/tmp", spec->bundle);
	_cleanup_free_ char *rootfs = str_format("/%s/rootfs", spec->bundle);
	_cleanup_strv_ char **overlay = NULL;

	if (spec->readonly) {
		write_mount(w, source, NULL, rootfs, bind);
		w->failed |= !source;
		return;
	}
	if (strv_addf(&overlay, "lowerdir=/%s", spec->unpacked) < 0 ||
	    strv_addf(&overlay, "upperdir=/%s/tmp/upper", spec->bundle) < 0 ||
	    strv_addf(&overlay, "workdir=/%s/tmp/work", spec->bundle) < 0)
		w->failed = true;
	write_mount(w, "tmpfs", "tmpfs", tmp, NULL);
	write_mount(w, NULL, NULL, tmp, private);
	write_mount(w, "overlay", "overlay", rootfs, overlay);
}

static void write_records(struct jsonw *w, const struct node *list)
{
	size_t i;

	for (i = 0; list && i < list->count; i++)
		node_json(w, NULL, list->items[i], list->items[i]->record);
}

static void write_texts(struct jsonw *w, const char *key, const struct node *list)
{
	size_t i;

	jsonw_list(w, key);
	for (i = 0; list && i < list->count; i++)
		jsonw_text(w, NULL, list->items[i]->text, list->items[i]->len);
	jsonw_end(w);
}

static void write_bind_ns(struct jsonw *w, const struct spec_input *in)
{
	const struct node *yaml = node_field(runtime_of(in->entry->node), RUNTIME_BIND_NS);
	const struct node *label = node_field(runtime_of(in->label), RUNTIME_BIND_NS);
	size_t i;

	jsonw_object(w, "bindNS");
	for (i = 0; i < BIND_NS_COUNT; i++) {
		const char *path = node_text(yaml, i);

		if (!path)
			path = node_text(label, i);
		jsonw_string(w, bind_ns_record.fields[i].key, path ? path : "");
	}
	jsonw_end(w);
}

int spec_runtime(const struct spec_input *in, const struct spec *spec, struct buf *out, struct error *err)
{
	const struct node *namespace = runtime_pick(in, RUNTIME_NAMESPACE);
	struct jsonw w = { .out = out };

	jsonw_object(&w, NULL);
	write_texts(&w, "cgroups", runtime_pick(in, RUNTIME_CGROUPS));
	jsonw_list(&w, "mounts");
	write_root(&w, spec);
	write_records(&w, runtime_pick(in, RUNTIME_MOUNTS));
	jsonw_end(&w);
	write_texts(&w, "mkdir", runtime_pick(in, RUNTIME_MKDIR));
	jsonw_list(&w, "interfaces");
	write_records(&w, runtime_pick(in, RUNTIME_INTERFACES));
	jsonw_end(&w);
	write_bind_ns(&w, in);
	jsonw_string(&w, "namespace", namespace ? namespace->text : "");
	jsonw_end(&w);
	return jsonw_done(&w) < 0 ? error_set(err, ENOMEM, "runtime.json") : 0;
}
