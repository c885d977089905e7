/* Every message that the supervisor takes from containerd. The first byte chooses which. */
#include <stdint.h>

#include "calls.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct rpc_call c = { 0 };
	pid_t pid;
	int code;

	if (n < 1 || buf_add(&c.reply, data + 1, n - 1) < 0)
		return 0;
	switch (data[0] % 4) {
	case 0:
		containerd_created_pid(&c);
		break;
	case 1:
		containerd_task_found(&c, &pid, &code);
		break;
	case 2:
		containerd_exit_code(&c);
		break;
	case 3:
		strv_free(containerd_container_names(&c));
		break;
	}
	buf_free(&c.reply);
	return 0;
}
