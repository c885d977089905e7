#include <errno.h>
#include <sys/capability.h>

#include "confine.h"

int confine_capabilities(struct error *err)
{
	cap_t none = cap_init();
	int r = none ? cap_set_proc(none) : -1;

	if (r < 0)
		error_set(err, errno, "capabilities");
	cap_free(none);
	return r;
}
