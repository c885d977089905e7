/* What vsudd gives up once everything is open: its capabilities, and the system calls that its loop does not make. */
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#include "log.h"
#include "str.h"
#include "vsudd.h"

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#else
#error "no number for this architecture"
#endif

static const unsigned short allowed[] = {
	/* the loop */
	SYS_epoll_pwait,
	SYS_epoll_ctl,
	SYS_clock_gettime,
	SYS_restart_syscall,
#ifdef SYS_epoll_wait
	SYS_epoll_wait,
#endif
	/* streams */
	SYS_recvfrom,
	SYS_recvmsg,
	SYS_sendto,
	SYS_sendmsg,
	SYS_splice,
	SYS_pipe2,
	SYS_shutdown,
	SYS_read,
	SYS_write,
	SYS_writev,
	SYS_close,
	/* connections */
	SYS_accept4,
	SYS_socket,
	SYS_connect,
	SYS_getsockopt,
	SYS_setsockopt,
	SYS_fcntl,
	/* memory */
	SYS_brk,
	SYS_mmap,
	SYS_mremap,
	SYS_munmap,
	SYS_mprotect,
	SYS_madvise,
	/* the end: the sockets it listened on are removed */
	SYS_unlinkat,
#ifdef SYS_unlink
	SYS_unlink,
#endif
	SYS_rt_sigprocmask,
	SYS_rt_sigreturn,
	SYS_getpid,
	SYS_gettid,
	SYS_tkill,
	SYS_exit,
	SYS_exit_group,
};

enum { CALLS = array_len(allowed), HEAD = 4, TAIL = 2 };
static_assert(CALLS <= UCHAR_MAX, "jumps of a filter are a byte");

/* Another call fails with EPERM: one that was forgotten here must not take all connections along. */
static int filter_calls(void)
{
	struct sock_filter code[HEAD + CALLS + TAIL];
	struct sock_fprog program = { HEAD + CALLS + TAIL, code };
	unsigned short i;

	code[0] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
	code[1] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0);
	code[2] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	code[3] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	for (i = 0; i < CALLS; i++)
		code[HEAD + i] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, allowed[i],
							      (unsigned char)(CALLS - i), 0);
	code[HEAD + CALLS] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
	code[HEAD + CALLS + 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
}

int confine(struct error *err)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { { 0 } };

	/* It needs none of them: neither for vsock, nor for sockets that its user may use. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_set(err, errno, "no_new_privs");
	if (syscall(SYS_capset, &header, none) < 0)
		return error_set(err, errno, "capset");
	if (filter_calls() < 0) /* a kernel without seccomp is no reason to stop */
		log_debug("no filter of system calls: %d", errno);
	return 0;
}
