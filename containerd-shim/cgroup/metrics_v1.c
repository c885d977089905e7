/* Statistics of version 1 control groups. Documentation/admin-guide/cgroup-v1 of the kernel has the files. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cgroup1_metrics.pb-c.h"
#include "metrics_private.h"
#include "str.h"

#define NEW(m, type) metrics_message(m, &io__containerd__cgroups__v1__##type##__descriptor)

static const struct metrics_name memory_names[] = {
	{ "pgpgin", "pg_pg_in" },
	{ "pgpgout", "pg_pg_out" },
	{ "pgfault", "pg_fault" },
	{ "pgmajfault", "pg_maj_fault" },
	{ "hierarchical_memsw_limit", "hierarchical_swap_limit" },
	{ "total_pgpgin", "total_pg_pg_in" },
	{ "total_pgpgout", "total_pg_pg_out" },
	{ "total_pgfault", "total_pg_fault" },
	{ "total_pgmajfault", "total_pg_maj_fault" },
	{ NULL, NULL },
};

static const struct metrics_name throttle_names[] = {
	{ "nr_periods", "periods" },
	{ "nr_throttled", "throttled_periods" },
	{ NULL, NULL },
};

static Io__Containerd__Cgroups__V1__PidsStat *pids_read(struct metrics *m, const char *dir)
{
	Io__Containerd__Cgroups__V1__PidsStat *p = dir ? NEW(m, pids_stat) : NULL;

	if (p) {
		p->current = metrics_number(dir, "pids.current", 0);
		p->limit = metrics_number(dir, "pids.max", 0);
	}
	return p;
}

/* --- processors --------------------------------------------------------------------------------------------------- */

static void per_cpu(struct metrics *m, const char *dir, Io__Containerd__Cgroups__V1__CPUUsage *usage)
{
	_cleanup_free_ char *text = metrics_text(dir, "cpuacct.usage_percpu");
	size_t count = 0;
	char *at, *end;

	for (at = text; at && *at; at++)
		count += *at == ' ' || *at == '\n';
	if (count == 0)
		return;
	usage->per_cpu = arena_alloc(&m->arena, (count + 1) * sizeof(*usage->per_cpu));
	if (!usage->per_cpu) {
		m->failed = true;
		return;
	}
	for (at = text; usage->n_per_cpu <= count; at = end) {
		uint64_t n = strtoull(at, &end, 10);

		if (end == at)
			break;
		usage->per_cpu[usage->n_per_cpu++] = n;
	}
}

static Io__Containerd__Cgroups__V1__CPUStat *cpu_read(struct metrics *m, const char *dir, const char *acct)
{
	Io__Containerd__Cgroups__V1__CPUStat *c = NEW(m, cpustat);
	_cleanup_free_ char *times = metrics_text(acct, "cpuacct.stat"), *throttled = metrics_text(dir, "cpu.stat");
	unsigned long long user = 0, kernel = 0;
	uint64_t tick = 1000000000u / (uint64_t)sysconf(_SC_CLK_TCK);

	if (!c)
		return NULL;
	c->usage = NEW(m, cpuusage);
	c->throttling = NEW(m, throttle);
	if (m->failed)
		return NULL;
	if (times)
		(void)sscanf(times, "user %llu\nsystem %llu", &user, &kernel);
	c->usage->total = metrics_number(acct, "cpuacct.usage", 0);
	c->usage->user = user * tick;
	c->usage->kernel = kernel * tick;
	per_cpu(m, acct, c->usage);
	metrics_fields(&c->throttling->base, throttled, throttle_names);
	return c;
}

/* --- memory ------------------------------------------------------------------------------------------------------- */

/* kind: "", "memsw.", "kmem.", "kmem.tcp."; NULL where the kernel has no such account. */
static Io__Containerd__Cgroups__V1__MemoryEntry *memory_entry(struct metrics *m, const char *dir, const char *kind)
{
	Io__Containerd__Cgroups__V1__MemoryEntry *e;
	char name[64];

	if (!dir || !(e = NEW(m, memory_entry)))
		return NULL;
	snprintf(name, sizeof(name), "memory.%susage_in_bytes", kind);
	e->usage = metrics_number(dir, name, 0);
	snprintf(name, sizeof(name), "memory.%slimit_in_bytes", kind);
	e->limit = metrics_number(dir, name, 0);
	snprintf(name, sizeof(name), "memory.%smax_usage_in_bytes", kind);
	e->max = metrics_number(dir, name, 0);
	snprintf(name, sizeof(name), "memory.%sfailcnt", kind);
	e->failcnt = metrics_number(dir, name, 0);
	return e;
}

static void memory_read(struct metrics *m, const char *dir, Io__Containerd__Cgroups__V1__Metrics *out)
{
	_cleanup_free_ char *stat = metrics_text(dir, "memory.stat"), *oom = metrics_text(dir, "memory.oom_control");

	if (!dir)
		return;
	out->memory = NEW(m, memory_stat);
	out->memory_oom_control = NEW(m, memory_oom_control);
	if (m->failed)
		return;
	metrics_fields(&out->memory->base, stat, memory_names);
	metrics_fields(&out->memory_oom_control->base, oom, NULL);
	out->memory->usage = memory_entry(m, dir, "");
	out->memory->swap = memory_entry(m, dir, "memsw.");
	out->memory->kernel = memory_entry(m, dir, "kmem.");
	out->memory->kernel_tcp = memory_entry(m, dir, "kmem.tcp.");
}

/* --- block devices ------------------------------------------------------------------------------------------------ */

/* "/dev/NAME" from the kernel's list, NULL when it has none of that number. */
static char *device_name(struct metrics *m, const char *diskstats, uint64_t major, uint64_t minor)
{
	for (const char *line = diskstats; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		unsigned long long a, b;
		char name[64], path[72];

		if (sscanf(line, " %llu %llu %63s", &a, &b, name) != 3 || a != major || b != minor)
			continue;
		snprintf(path, sizeof(path), "/dev/%s", name);
		return metrics_copy(m, path, strlen(path));
	}
	return NULL;
}

/* Lines "8:0 Read 4096"; a last one, "Total 4096", belongs to no device. */
static void blkio_file(struct metrics *m, const char *dir, const char *name, const char *diskstats, size_t *count,
		       Io__Containerd__Cgroups__V1__BlkIOEntry ***list)
{
	_cleanup_free_ char *text = metrics_text(dir, name);

	for (const char *line = text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		Io__Containerd__Cgroups__V1__BlkIOEntry *e;
		uint64_t major, minor;
		const char *rest = metrics_device(line, &major, &minor);
		size_t op = rest ? strspn(rest, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") : 0;

		if (!rest || !(e = NEW(m, blk_ioentry)))
			continue;
		e->major = major;
		e->minor = minor;
		e->op = op ? metrics_copy(m, rest, op) : e->op;
		e->value = strtoull(rest + op, NULL, 10);
		rest = device_name(m, diskstats, major, minor);
		if (rest)
			e->device = (char *)rest;
		metrics_append(m, count, list, e);
	}
}

static Io__Containerd__Cgroups__V1__BlkIOStat *blkio_read(struct metrics *m, const char *dir)
{
	Io__Containerd__Cgroups__V1__BlkIOStat *b = dir ? NEW(m, blk_iostat) : NULL;
	_cleanup_free_ char *disks = b ? metrics_text("/proc", "diskstats") : NULL;

	if (!b)
		return NULL;
	blkio_file(m, dir, "blkio.throttle.io_service_bytes_recursive", disks, &b->n_io_service_bytes_recursive,
		   &b->io_service_bytes_recursive);
	blkio_file(m, dir, "blkio.throttle.io_serviced_recursive", disks, &b->n_io_serviced_recursive,
		   &b->io_serviced_recursive);
	/* A scheduler's own counts, where one keeps them. */
	blkio_file(m, dir, "blkio.bfq.io_queued_recursive", disks, &b->n_io_queued_recursive, &b->io_queued_recursive);
	blkio_file(m, dir, "blkio.bfq.io_service_time_recursive", disks, &b->n_io_service_time_recursive,
		   &b->io_service_time_recursive);
	blkio_file(m, dir, "blkio.bfq.io_wait_time_recursive", disks, &b->n_io_wait_time_recursive,
		   &b->io_wait_time_recursive);
	blkio_file(m, dir, "blkio.bfq.io_merged_recursive", disks, &b->n_io_merged_recursive, &b->io_merged_recursive);
	blkio_file(m, dir, "blkio.bfq.time_recursive", disks, &b->n_io_time_recursive, &b->io_time_recursive);
	blkio_file(m, dir, "blkio.bfq.sectors_recursive", disks, &b->n_sectors_recursive, &b->sectors_recursive);
	return b;
}

/* --- the rest ----------------------------------------------------------------------------------------------------- */

static void huge_page(struct metrics *m, const char *dir, const char *size, void *data)
{
	Io__Containerd__Cgroups__V1__Metrics *out = data;
	Io__Containerd__Cgroups__V1__HugetlbStat *h = NEW(m, hugetlb_stat);
	char name[64];

	if (!h)
		return;
	h->pagesize = metrics_copy(m, size, strlen(size));
	snprintf(name, sizeof(name), "hugetlb.%s.usage_in_bytes", size);
	h->usage = metrics_number(dir, name, 0);
	snprintf(name, sizeof(name), "hugetlb.%s.max_usage_in_bytes", size);
	h->max = metrics_number(dir, name, 0);
	snprintf(name, sizeof(name), "hugetlb.%s.failcnt", size);
	h->failcnt = metrics_number(dir, name, 0);
	metrics_append(m, &out->n_hugetlb, &out->hugetlb, h);
}

ProtobufCMessage *metrics_v1(struct metrics *m, const struct cgroups *groups)
{
	Io__Containerd__Cgroups__V1__Metrics *out = NEW(m, metrics);
	const char *rdma = cgroups_dir(groups, "rdma");

	if (!out)
		return NULL;
	out->pids = pids_read(m, cgroups_dir(groups, "pids"));
	out->cpu = cpu_read(m, cgroups_dir(groups, "cpu"), cgroups_dir(groups, "cpuacct"));
	memory_read(m, cgroups_dir(groups, "memory"), out);
	out->blkio = blkio_read(m, cgroups_dir(groups, "blkio"));
	metrics_pages(m, cgroups_dir(groups, "hugetlb"), ".usage_in_bytes", huge_page, out);
	if (rdma && (out->rdma = NEW(m, rdma_stat))) {
		metrics_rdma(m, rdma, "rdma.current", &io__containerd__cgroups__v1__rdma_entry__descriptor,
			     &out->rdma->n_current, &out->rdma->current);
		metrics_rdma(m, rdma, "rdma.max", &io__containerd__cgroups__v1__rdma_entry__descriptor,
			     &out->rdma->n_limit, &out->rdma->limit);
	}
	return &out->base;
}
