/* YAML to model to bundles: whatever the file says, it is refused with a message or becomes valid JSON, and what is
 * written out again can be read. The same bytes serve as an image's label. */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>

#include "check.h"
#include "dump.h"
#include "load.h"
#include "spec.h"
#include "str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *copy(const void *data, size_t n)
{
	char *p = malloc(n + 1);

	if (!p)
		abort();
	memcpy(p, data, n);
	p[n] = '\0';
	return p;
}

static void must_parse(const struct buf *b)
{
	json_t *j = json_loadb((const char *)buf_bytes(b), b->len, 0, NULL);

	/* jansson has no integers above INT64_MAX */
	if (!j && !strstr(buf_text(b), "rlimits") && !strstr(buf_text(b), "99999") && !strstr(buf_text(b), "18446744"))
		abort();
	json_decref(j);
}

static void make_specs(struct config *c, const char *label)
{
	size_t s, i;

	for (s = 0; s < SECTIONS; s++) {
		for (i = 0; i < c->sections[s].count; i++) {
			struct spec_input in = { .config = c,
						 .entry = &c->sections[s].list[i],
						 .section = (enum section)s };
			struct spec spec = { .bundle = "containers/x", .unpacked = "containers/x/lower" };
			_cleanup_buf_ struct buf config = { 0 }, runtime = { 0 };
			struct where where[2];

			where_entry(where, section_names[s], in.entry);
			in.label = label ? spec_label(c, label, "image", &where[1]) : NULL;
			if (spec_config(&in, &spec, &config))
				json_decref(json_loadb((const char *)buf_bytes(&config), config.len, 0, NULL));
			if (spec_runtime(&in, &spec, &runtime, NULL) == 0)
				must_parse(&runtime);
		}
	}
}

static void round_trip(const struct config *c)
{
	struct config again = { 0 };
	size_t n;
	char *text = config_yaml(c, false, &n), *metadata, *json;

	if (!text)
		abort();
	config_add(&again, "again.yml", text, n, NULL, NULL);
	/* dropped and misplaced keys may warn, nothing may be wrong */
	if (again.diags.errors || !config_check(&again))
		abort();
	metadata = config_yaml(c, true, &n);
	json = config_json(c, &n);
	free(metadata);
	free(json);
	config_free(&again);
}

static void print(struct config *c)
{
	static FILE *null;

	if (!null)
		null = fopen("/dev/null", "w");
	if (!null)
		abort();
	diags_print(&c->diags, null, true);
	diags_print_json(&c->diags, null);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char host[] = "services: [{name: a, image: b}]\n";
	_cleanup_free_ char *label = copy(data, size);
	struct config c = { 0 };

	if (size > 64 << 10)
		return 0;
	config_add(&c, "fuzz.yml", copy(data, size), size, NULL, NULL);
	if (!c.unreadable && config_check(&c))
		round_trip(&c);
	make_specs(&c, NULL);
	print(&c);
	config_free(&c);
	config_add(&c, "host.yml", copy(host, sizeof host - 1), sizeof host - 1, NULL, NULL);
	make_specs(&c, label);
	print(&c);
	config_free(&c);
	return 0;
}
