#include "boot_report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "jsonr.h"
#include "report.h"
#include "str.h"

struct step {
	uint64_t start, end, status; /* microseconds */
	bool ended;                  /* it has a status */
	char *program, *name;
};

struct steps {
	struct step *rows;
	size_t count;
};

static void steps_free(struct steps *s)
{
	for (size_t i = 0; i < s->count; i++) {
		free(s->rows[i].program);
		free(s->rows[i].name);
	}
	free(s->rows);
}

static uint64_t step_number(const struct jsonr *o, const char *key, bool *there)
{
	struct jsonr v = jsonr_get(o, key);
	uint64_t n = 0;
	int r = jsonr_u64(&v, &n);

	if (there)
		*there = r == 0;
	return n;
}

static char *step_text(const struct jsonr *o, const char *key)
{
	struct jsonr v = jsonr_get(o, key);

	return jsonr_text(&v);
}

static int steps_add(struct steps *s, const struct jsonr *o, struct error *err)
{
	struct step *grown = reallocarray(s->rows, s->count + 1, sizeof(*grown)), *step;

	if (!grown)
		return error_set(err, ENOMEM, "boot report");
	s->rows = grown;
	step = &grown[s->count++];
	*step = (struct step){
		.start = step_number(o, "start_us", NULL),
		.end = step_number(o, "end_us", NULL),
		.program = step_text(o, "program"),
		.name = step_text(o, "name"),
	};
	step->status = step_number(o, "status", &step->ended);
	return step->program && step->name ? 0 : error_set(err, EPROTO, "boot report");
}

static int steps_read(struct steps *s, const struct buf *text, struct error *err)
{
	struct jsonr report, list, o;
	struct jsonr_iter it;

	if (jsonr_parse(buf_text(text), text->len, &report, err) < 0)
		return error_wrap(err, "boot report");
	list = jsonr_get(&report, "steps");
	it = jsonr_iter(&list);
	while (jsonr_element(&it, &o))
		if (steps_add(s, &o, err) < 0)
			return -1;
	return 0;
}

static int step_compare(const void *a, const void *b)
{
	const struct step *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/* Each program appends what it did when it was done: the list is in the order of ends. */
static int steps_print(struct steps *s, struct error *err)
{
	qsort(s->rows, s->count, sizeof(*s->rows), step_compare);
	printf("%10s  %10s  %-6s  %-10s  %s\n", "START", "TOOK", "STATUS", "PROGRAM", "STEP");
	for (size_t i = 0; i < s->count; i++) {
		const struct step *step = &s->rows[i];
		char status[24] = "-";

		if (step->ended)
			snprintf(status, sizeof(status), "%llu", (unsigned long long)step->status);
		printf("%8.3f s  %8.3f s  %-6s  %-10s  %s\n", (double)step->start / 1e6,
		       (double)(step->end - step->start) / 1e6, status, step->program, step->name);
	}
	return fflush(stdout) == 0 ? 0 : error_set(err, errno, "standard output");
}

int boot_report_show(bool json, struct error *err)
{
	_cleanup_(steps_free) struct steps steps = { 0 };
	_cleanup_buf_ struct buf text = { 0 };

	if (report_read(&text, err) < 0)
		return -1;
	if (!json)
		return steps_read(&steps, &text, err) < 0 ? -1 : steps_print(&steps, err);
	return fputs(buf_text(&text), stdout) < 0 || fflush(stdout) != 0 ? error_set(err, errno, "standard output") : 0;
}
