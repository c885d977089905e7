#include "yaml_manual.h"

#include "fields.h"
#include "str.h"

enum { RECORDS_MAX = 40 };

struct record_list {
	const struct record *seen[RECORDS_MAX];
	size_t count;
};

static const char *const type_names[FIELD_TYPES] = {
	[FIELD_STRING] = "text",
	[FIELD_BOOL] = "true or false",
	[FIELD_INT] = "integer",
	[FIELD_ID] = "integer or name",
	[FIELD_CHOICE] = "one of",
	[FIELD_STRINGS] = "list of text",
	[FIELD_IDS] = "list of integers or names",
	[FIELD_TEXTS] = "mapping of text to text",
	[FIELD_RECORD] = "mapping",
	[FIELD_RECORDS] = "list of mappings",
};

static void record_note(struct record_list *list, const struct record *r)
{
	size_t i;

	for (i = 0; i < list->count; i++)
		if (list->seen[i] == r)
			return;
	if (list->count < RECORDS_MAX)
		list->seen[list->count++] = r;
}

/* "integer or size", "one of oci, filesystem", "mapping, see `memory` below" */
static char *field_type_text(const struct field *f)
{
	_cleanup_free_ char *choices = f->type == FIELD_CHOICE ? strv_join((char *const *)f->choices, ", ") : NULL;

	if (f->record)
		return str_format("%s, see `%s` below", type_names[f->type], f->record->name);
	if (choices)
		return str_format("%s %s", type_names[f->type], choices);
	return str_format("%s%s", type_names[f->type], f->flags & FIELD_BYTES ? " or size" : "");
}

static void field_print(const struct field *f, FILE *to)
{
	_cleanup_free_ char *type = field_type_text(f);
	_cleanup_free_ char *label = str_format("%s: %s", f->key, f->example ? f->example : "...");
	_cleanup_free_ char *text = str_format("%s (%s%s)", f->help ? f->help : "", type ? type : "",
					       f->flags & FIELD_REQUIRED ? ", required" : "");

	if (label && text)
		roff_entry(label, text, to);
}

void yaml_manual(const struct roff_edition *edition, FILE *to)
{
	struct record_list list = { .seen = { &config_record }, .count = 1 };
	size_t i, k;

	roff_begin("pith.yml", "5", edition, to);
	roff_heading("NAME", to);
	fputs("pith.yml \\- what a machine image is made of\n", to);
	roff_heading("DESCRIPTION", to);
	roff_text("`pith build` reads one or more files of LinuxKit's YAML: a kernel, the images that make up the root "
		  "file "
		  "system, the containers that run at boot and those that keep running, and files. Types are strict: "
		  "text "
		  "that looks like a number needs quotes, and a key without a value is an error. A size is a number of "
		  "bytes with K, M, G or T behind it.",
		  to);
	roff_heading("FIELDS", to);
	for (i = 0; i < list.count; i++) { /* grows while it is walked */
		const struct record *r = list.seen[i];

		if (i)
			roff_subheading(r->name, to);
		for (k = 0; k < r->count; k++) {
			if (r->fields[k].record)
				record_note(&list, r->fields[k].record);
			field_print(&r->fields[k], to);
		}
	}
	roff_heading("EXAMPLES", to);
	roff_text("  kernel:\n"
		  "    image: pith/kernel:latest\n"
		  "    cmdline: console=ttyS0\n"
		  "  init: [pith/init:latest, pith/runc:latest]\n"
		  "  onboot:\n"
		  "    - name: hello\n"
		  "      image: pith/busybox:latest\n"
		  "      command: [/bin/echo, hello]",
		  to);
	roff_heading("SEE ALSO", to);
	roff_text("pith-build(1), pith(1)", to);
}
