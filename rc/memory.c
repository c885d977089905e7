/* What the kernel does when memory is short. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>

#include "cgroup.h"
#include "io.h"
#include "log.h"
#include "rc.h"
#include "str.h"

#define MEBIBYTE     UINT64_C(1048576)
#define SMALL_MEMORY (128 * MEBIBYTE)
#define MIN_TTL_FILE "/sys/kernel/mm/lru_gen/min_ttl_ms"
#define ROOT         "/sys/fs/cgroup"
#define GROUP        ROOT "/@machine" /* no container has this name: identifiers have no @ */

/* Puts PID 1, this program and what both start later into a group, whose memory the kernel takes for nobody else, up to
 * a sixteenth of the machine's or 64 MiB. The group also counts the pages of files that its programs are the first to
 * read: runtime, agent and shims stay in memory while containers fill the rest. Runtimes put containers into groups
 * beside this one. */
static void group_make(uint64_t memory)
{
	_cleanup_error_ struct error err = { 0 };
	uint64_t most = 64 * MEBIBYTE, share = memory / 16;
	char text[32];

	if (!cgroup_unified() || file_poke(ROOT "/cgroup.subtree_control", "+memory", NULL) < 0)
		return; /* version 1, or a kernel that does not count memory */
	snprintf(text, sizeof(text), "%llu", (unsigned long long)(share < most ? share : most));
	if (mkdir(GROUP, 0755) < 0 && errno != EEXIST) {
		log_warn("make %s: %s", GROUP, strerror(errno));
		return;
	}
	if (file_poke(GROUP "/memory.min", text, &err) < 0 || file_poke(GROUP "/cgroup.procs", "1", &err) < 0 ||
	    file_poke(GROUP "/cgroup.procs", "0", &err) < 0)
		log_warn("%s", error_text(&err));
}

/* A small machine: the kernel refuses a single mapping of more than the memory. Go's runtime makes one of 32 MiB at its
 * start, of which it uses little: no container would start.
 *
 * Others: where programs have nearly all of the memory, the kernel evicts pages of files that are needed again at once,
 * and the machine stands still for minutes. It kills a program instead, where everything left was used within the last
 * second. A small machine is like that at each start of a container. */
int rc_memory(struct rc *rc, struct error *err)
{
	struct sysinfo s;

	(void)rc;
	if (!rc_is_machine())
		return 0;
	if (sysinfo(&s) < 0)
		return error_set(err, errno, "ask for the size of the memory");
	if (s.totalram * s.mem_unit < SMALL_MEMORY) {
		file_poke("/proc/sys/vm/overcommit_memory", "1", NULL);
		return 0;
	}
	file_poke(MIN_TTL_FILE, "1000", NULL); /* not every kernel has it */
	group_make(s.totalram * s.mem_unit);
	return 0;
}
