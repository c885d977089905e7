#include "confine.h"

#include <sys/syscall.h>

#include "acpid.h"
#include "str.h"

static const struct confine_call calls[] = {
	/* devices that come */
	{ SYS_openat },     { SYS_newfstatat },        { SYS_fstat }, { SYS_fcntl },
	{ SYS_getdents64 }, { SYS_inotify_add_watch }, { SYS_ioctl }, /* which codes a device has */
	{ SYS_flock },
#ifdef SYS_open /* older architectures have it beside the one above */
	{ SYS_open },
#endif
};

int reader_confine(struct error *err)
{
	return confine_capabilities(err) < 0 || confine_calls(calls, array_len(calls), err) < 0 ? -1 : 0;
}
