#include "confine.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#include "cleanup.h"
#include "str.h"

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define ARCH AUDIT_ARCH_RISCV64
#elif defined(__s390x__)
#define ARCH AUDIT_ARCH_S390X
#else
#error "no number for this architecture"
#endif

static int privileges_drop(struct error *err)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? error_set(err, errno, "no_new_privs") : 0;
}

/* --- system calls --------------------------------------------------------------------------------------------------
 */

/* What every program with an event loop does. None of these leads to anything that is not open already. */
static const struct confine_call base[] = {
	/* the loop */
	{ SYS_epoll_pwait },
	{ SYS_epoll_ctl },
	{ SYS_clock_gettime },
	{ SYS_restart_syscall },
#ifdef SYS_epoll_wait /* older architectures have it beside the one above */
	{ SYS_epoll_wait },
#endif
	/* streams and datagrams */
	{ SYS_read },
	{ SYS_write },
	{ SYS_writev },
	{ SYS_recvfrom },
	{ SYS_recvmsg },
	{ SYS_sendto },
	{ SYS_sendmsg },
	{ SYS_getsockopt },
	{ SYS_close },
	/* memory */
	{ SYS_brk },
	{ SYS_mmap },
	{ SYS_mremap },
	{ SYS_munmap },
	{ SYS_mprotect },
	{ SYS_madvise },
	/* the end */
	{ SYS_rt_sigprocmask },
	{ SYS_rt_sigreturn },
	{ SYS_getpid },
	{ SYS_gettid },
	{ SYS_tkill },
	{ SYS_exit },
	{ SYS_exit_group },
};

enum { HEAD = 4, ROW = 5, TAIL = 1, ROWS = array_len(base) + CONFINE_CALLS };
static_assert(HEAD + ROW * ROWS + TAIL <= BPF_MAXINSNS, "more than a filter may have");

#define LOAD(field)               BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define SKIP_UNLESS(value, count) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 0, (count))
#define RETURN(what)              BPF_STMT(BPF_RET | BPF_K, (what))

/* Where an argument's lower half is: the upper one is nothing to a call that takes an int. */
static uint32_t argument_place(unsigned char arg)
{
	uint32_t at = (uint32_t)offsetof(struct seccomp_data, args) + (arg - 1u) * (uint32_t)sizeof(uint64_t);

	return __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? at + 4 : at;
}

/* The number of the call is loaded before a row, and after it. */
static size_t row_put(struct sock_filter *code, const struct confine_call *c)
{
	const struct sock_filter plain[] = { SKIP_UNLESS(c->number, 1), RETURN(SECCOMP_RET_ALLOW) };
	const struct sock_filter checked[ROW] = {
		SKIP_UNLESS(c->number, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, argument_place(c->arg)),
		SKIP_UNLESS(c->value, 1),
		RETURN(SECCOMP_RET_ALLOW),
		LOAD(nr),
	};
	size_t n = c->arg ? sizeof(checked) / sizeof(*checked) : sizeof(plain) / sizeof(*plain);

	for (size_t i = 0; i < n; i++)
		code[i] = c->arg ? checked[i] : plain[i];
	return n;
}

#ifdef __SANITIZE_ADDRESS__
/* LeakSanitizer looks at the process at its end from one that traces it, which the filter refuses: it would fail. */
static bool filtered;

int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
	return filtered;
}
#endif

/* Another call fails with EPERM: one that was forgotten must not take all of the program's work along. */
int confine_calls(const struct confine_call *calls, size_t count, struct error *err)
{
	static const struct sock_filter head[HEAD] = {
		LOAD(arch),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0),
		RETURN(SECCOMP_RET_KILL_PROCESS),
		LOAD(nr),
	};
	struct sock_filter code[HEAD + ROW * ROWS + TAIL];
	struct sock_fprog program = { 0, code };
	size_t n;

	if (count > CONFINE_CALLS)
		return error_set(err, E2BIG, "filter of system calls");
	for (n = 0; n < HEAD; n++)
		code[n] = head[n];
	for (size_t i = 0; i < array_len(base); i++)
		n += row_put(code + n, &base[i]);
	for (size_t i = 0; i < count; i++)
		n += row_put(code + n, &calls[i]);
	code[n++] = (struct sock_filter)RETURN(SECCOMP_RET_ERRNO | EPERM);
	program.len = (unsigned short)n;
	if (privileges_drop(err) < 0)
		return -1;
#ifdef __SANITIZE_ADDRESS__
	filtered = true;
#endif
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0)
		return 0;
	return errno == EINVAL || errno == ENOSYS ? 1 : error_set(err, errno, "filter of system calls");
}

/* --- files ----------------------------------------------------------------------------------------------------------
 */

/* linux/landlock.h of the kernel that the program may meet, not of the one that it is built beside: numbers are added
 * there, never changed. */
enum {
	SYS_LANDLOCK_CREATE = 444,
	SYS_LANDLOCK_ADD = 445,
	SYS_LANDLOCK_RESTRICT = 446,
	LANDLOCK_VERSION = 1, /* flag */
	LANDLOCK_BENEATH = 1, /* kind of rule */
	FS_WRITE = 1 << 1,
	FS_READ = 1 << 2,
	FS_REMOVE_DIR = 1 << 4,
	FS_REMOVE = 1 << 5,
	FS_MAKE_DIR = 1 << 7,
	FS_MAKE = 1 << 8,
	FS_MAKE_SOCKET = 1 << 9,
	FS_TRUNCATE = 1 << 14, /* version 3 */
	FS_IOCTL = 1 << 15,    /* version 5 */
	NET_BIND = 1,          /* version 4 */
	NET_CONNECT = 2,
	SCOPE_ALL = 3, /* version 6 */
};

struct landlock_rules {
	uint64_t fs, net, scoped;
};

struct landlock_beneath {
	uint64_t access;
	int32_t fd;
} __attribute__((packed));

/* All that a version of Landlock knows to refuse. */
static struct landlock_rules rules_make(long version, enum confine_tcp tcp)
{
	static const uint64_t fs[] = { 0, 0x1fff, 0x3fff, 0x7fff, 0x7fff, 0xffff };

	return (struct landlock_rules){
		.fs = fs[version < 5 ? version : 5],
		.net = version >= 4 ? NET_CONNECT | (tcp == CONFINE_TCP_NONE ? NET_BIND : 0u) : 0,
		.scoped = version >= 6 ? SCOPE_ALL : 0,
	};
}

static uint64_t access_rights(unsigned access)
{
	return (access & CONFINE_READ ? FS_READ : 0u) | (access & CONFINE_WRITE ? FS_WRITE | FS_TRUNCATE : 0u) |
		(access & CONFINE_REMOVE ? FS_REMOVE : 0u) | (access & CONFINE_SOCKET ? FS_MAKE_SOCKET : 0u) |
		(access & CONFINE_IOCTL ? FS_IOCTL : 0u) |
		(access & CONFINE_MAKE ? FS_MAKE | FS_MAKE_DIR | FS_REMOVE_DIR : 0u);
}

int confine_files(const struct confine_dir *dirs, size_t count, enum confine_tcp tcp, struct error *err)
{
	long version = syscall(SYS_LANDLOCK_CREATE, NULL, 0, LANDLOCK_VERSION);
	struct landlock_rules rules = version > 0 ? rules_make(version, tcp) : (struct landlock_rules){ 0 };
	size_t size = version >= 6 ? 24 : version >= 4 ? 16 : 8;
	_cleanup_close_ int set = -1;

	if (privileges_drop(err) < 0)
		return -1;
	if (version <= 0) /* not built, or not switched on */
		return 1;
	set = (int)syscall(SYS_LANDLOCK_CREATE, &rules, size, 0);
	if (set < 0)
		return error_set(err, errno, "landlock");
	for (size_t i = 0; i < count; i++) {
		struct landlock_beneath b = { .access = access_rights(dirs[i].access) & rules.fs, .fd = dirs[i].fd };

		if (b.access && syscall(SYS_LANDLOCK_ADD, set, LANDLOCK_BENEATH, &b, 0) < 0)
			return error_set(err, errno, "landlock");
	}
	return syscall(SYS_LANDLOCK_RESTRICT, set, 0) < 0 ? error_set(err, errno, "landlock") : 0;
}
