/* Statistics of the unified control group tree. Documentation/admin-guide/cgroup-v2.rst of the kernel has the files. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cgroup2_metrics.pb-c.h"
#include "metrics_private.h"
#include "str.h"

#define NEW(m, type) metrics_message(m, &io__containerd__cgroups__v2__##type##__descriptor)

/* A line "some avg10=0.00 avg60=0.00 avg300=0.00 total=0". */
static Io__Containerd__Cgroups__V2__PSIData *pressure_line(struct metrics *m, const char *text, const char *kind)
{
	Io__Containerd__Cgroups__V2__PSIData *d;
	const char *line = text ? strstr(text, kind) : NULL;
	unsigned long long total;
	double a, b, c;

	if (!line ||
	    sscanf(line + strlen(kind), " avg10=%lf avg60=%lf avg300=%lf total=%llu", &a, &b, &c, &total) != 4 ||
	    !(d = NEW(m, psidata)))
		return NULL;
	d->avg10 = a;
	d->avg60 = b;
	d->avg300 = c;
	d->total = total;
	return d;
}

/* NULL where the kernel does not account for it. */
static Io__Containerd__Cgroups__V2__PSIStats *pressure_read(struct metrics *m, const char *dir, const char *name)
{
	_cleanup_free_ char *text = metrics_text(dir, name);
	Io__Containerd__Cgroups__V2__PSIStats *p = text && *text ? NEW(m, psistats) : NULL;

	if (p) {
		p->some = pressure_line(m, text, "some");
		p->full = pressure_line(m, text, "full");
	}
	return p;
}

static Io__Containerd__Cgroups__V2__CPUStat *cpu_read(struct metrics *m, const char *dir)
{
	Io__Containerd__Cgroups__V2__CPUStat *c = NEW(m, cpustat);
	_cleanup_free_ char *text = metrics_text(dir, "cpu.stat");

	if (c) {
		metrics_fields(&c->base, text, NULL);
		c->psi = pressure_read(m, dir, "cpu.pressure");
	}
	return c;
}

static Io__Containerd__Cgroups__V2__MemoryStat *memory_read(struct metrics *m, const char *dir)
{
	Io__Containerd__Cgroups__V2__MemoryStat *s;
	_cleanup_free_ char *text = metrics_text(dir, "memory.stat");

	if (!text || !(s = NEW(m, memory_stat)))
		return NULL;
	metrics_fields(&s->base, text, NULL);
	s->usage = metrics_number(dir, "memory.current", 0);
	s->usage_limit = metrics_number(dir, "memory.max", UINT64_MAX);
	s->swap_usage = metrics_number(dir, "memory.swap.current", 0);
	s->swap_limit = metrics_number(dir, "memory.swap.max", UINT64_MAX);
	s->max_usage = metrics_number(dir, "memory.peak", 0);
	s->swap_max_usage = metrics_number(dir, "memory.swap.peak", 0);
	s->psi = pressure_read(m, dir, "memory.pressure");
	return s;
}

/* Lines "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6". */
static Io__Containerd__Cgroups__V2__IOStat *io_stat_read(struct metrics *m, const char *dir)
{
	Io__Containerd__Cgroups__V2__IOStat *s = NEW(m, iostat);
	_cleanup_free_ char *text = metrics_text(dir, "io.stat");

	for (const char *line = s ? text : NULL; line && *line;
	     line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		Io__Containerd__Cgroups__V2__IOEntry *e;
		uint64_t major, minor;
		const char *rest = metrics_device(line, &major, &minor);

		if (!rest || !(e = NEW(m, ioentry)))
			continue;
		e->major = major;
		e->minor = minor;
		metrics_words(&e->base, rest, strcspn(rest, "\n"), NULL);
		metrics_append(m, &s->n_usage, &s->usage, e);
	}
	if (s)
		s->psi = pressure_read(m, dir, "io.pressure");
	return s;
}

static void huge_page(struct metrics *m, const char *dir, const char *size, void *data)
{
	Io__Containerd__Cgroups__V2__Metrics *out = data;
	Io__Containerd__Cgroups__V2__HugeTlbStat *h = NEW(m, huge_tlb_stat);
	_cleanup_free_ char *events = NULL;
	unsigned long long failed = 0;
	char name[64];

	if (!h)
		return;
	h->pagesize = metrics_copy(m, size, strlen(size));
	snprintf(name, sizeof(name), "hugetlb.%s.current", size);
	h->current = metrics_number(dir, name, 0);
	snprintf(name, sizeof(name), "hugetlb.%s.max", size);
	h->max = metrics_number(dir, name, UINT64_MAX);
	snprintf(name, sizeof(name), "hugetlb.%s.events", size);
	events = metrics_text(dir, name);
	if (events && sscanf(events, "max %llu", &failed) == 1)
		h->failcnt = failed;
	metrics_append(m, &out->n_hugetlb, &out->hugetlb, h);
}

ProtobufCMessage *metrics_v2(struct metrics *m, const struct cgroups *groups)
{
	Io__Containerd__Cgroups__V2__Metrics *out = NEW(m, metrics);
	const char *dir = cgroups_dir(groups, "");
	_cleanup_free_ char *events = metrics_text(dir, "memory.events");

	if (!out || !dir)
		return NULL;
	out->pids = NEW(m, pids_stat);
	out->rdma = NEW(m, rdma_stat);
	out->memory_events = NEW(m, memory_events);
	if (m->failed)
		return NULL;
	out->pids->current = metrics_number(dir, "pids.current", 0);
	out->pids->limit = metrics_number(dir, "pids.max", 0);
	out->cpu = cpu_read(m, dir);
	out->memory = memory_read(m, dir);
	out->io = io_stat_read(m, dir);
	metrics_fields(&out->memory_events->base, events, NULL);
	metrics_rdma(m, dir, "rdma.current", &io__containerd__cgroups__v2__rdma_entry__descriptor,
		     &out->rdma->n_current, &out->rdma->current);
	metrics_rdma(m, dir, "rdma.max", &io__containerd__cgroups__v2__rdma_entry__descriptor, &out->rdma->n_limit,
		     &out->rdma->limit);
	metrics_pages(m, dir, ".current", huge_page, out);
	return &out->base;
}
