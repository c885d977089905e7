/* The mapping checks what is read; here it only has to be read. Processes take turns, each reads every nth part, past
 * the cache of pages: what is read here would be checked and cached for nothing. A part that cannot be read is read
 * once more block by block, to say which. They tell through shared memory; one that was killed has told nothing, and
 * counts as damage. */
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "reason.h"
#include "say.h"
#include "verity.h"

enum { READERS = 8, PART_BLOCKS = 256 };

struct shared {
	atomic_uint_fast64_t next; /* part */
	atomic_uint_fast64_t bad;  /* block and one; 0: none */
};

static void block_report(struct shared *s, uint64_t block)
{
	uint_fast64_t none = 0;

	atomic_compare_exchange_strong(&s->bad, &none, block + 1);
}

/* true: all n blocks from the first on can be read. */
static bool blocks_read(int fd, uint8_t *room, uint64_t first, uint64_t n)
{
	return pread(fd, room, n * VERITY_BLOCK, (off_t)(first * VERITY_BLOCK)) == (ssize_t)(n * VERITY_BLOCK);
}

static void part_read(int fd, uint8_t *room, uint64_t first, uint64_t n, struct shared *s)
{
	if (blocks_read(fd, room, first, n))
		return;
	for (uint64_t i = 0; i < n; i++) {
		if (!blocks_read(fd, room, first + i, 1)) {
			block_report(s, first + i);
			return;
		}
	}
	/* a second reading went well: the disk has failed, and can again */
	block_report(s, first);
}

/* true: it came to the end, also of what was damaged. */
static bool parts_read(const char *node, uint64_t blocks, struct shared *s)
{
	_cleanup_close_ int fd = open(node, O_RDONLY | O_DIRECT | O_CLOEXEC);
	uint8_t *room =
		mmap(NULL, PART_BLOCKS * VERITY_BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t first;

	if (fd < 0 || room == MAP_FAILED)
		return false;
	while (!s->bad && (first = atomic_fetch_add(&s->next, 1) * PART_BLOCKS) < blocks)
		part_read(fd, room, first, blocks - first < PART_BLOCKS ? blocks - first : PART_BLOCKS, s);
	munmap(room, PART_BLOCKS * VERITY_BLOCK);
	return true;
}

static size_t readers_wanted(uint64_t blocks)
{
	cpu_set_t set;
	int n = sched_getaffinity(0, sizeof(set), &set) < 0 ? 1 : CPU_COUNT(&set);

	if ((uint64_t)n > (blocks + PART_BLOCKS - 1) / PART_BLOCKS)
		n = (int)((blocks + PART_BLOCKS - 1) / PART_BLOCKS);
	return n > READERS ? READERS : (size_t)n;
}

/* true: every reader has come to its end. This process is one of them: it can do it alone. */
static bool readers_run(const char *node, uint64_t blocks, struct shared *s)
{
	size_t n = readers_wanted(blocks), started = 0;
	pid_t readers[READERS];
	bool good;
	int status;

	while (started + 1 < n) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(parts_read(node, blocks, s) ? 0 : 1);
		if (pid < 0)
			break;
		readers[started++] = pid;
	}
	good = parts_read(node, blocks, s);
	for (size_t i = 0; i < started; i++)
		good = waitpid(readers[i], &status, 0) == readers[i] && status == 0 && good;
	return good;
}

const char *const *check_all(const char *node, uint64_t blocks)
{
	static char bad[NUMBER_SIZE], all[NUMBER_SIZE];
	struct shared *s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t found;
	bool good;

	if (s == MAP_FAILED)
		return reason_errno("check ", "the root");
	good = readers_run(node, blocks, s);
	found = s->bad;
	munmap(s, sizeof(*s));
	if (found)
		return reason("the root is damaged: block ", number(bad, found - 1), " of ", number(all, blocks),
			      " is not what was built, or cannot be read");
	return good ? NULL : reason("cannot read all of the root");
}
