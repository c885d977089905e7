#include <linux/vm_sockets.h>

#include "forwarder.h"
#include "log.h"
#include "vsock.h"

/* A container of this guest has a vsock socket as well as the host, and no right to what the host may have. */
bool forwarder_welcome(struct forwarder *f, const struct sockaddr *from)
{
	uint32_t cid = vsock_cid(from);

	if (f->from == VMADDR_CID_ANY || cid == f->from || cid == VMADDR_CID_ANY)
		return true;
	if (!f->refused)
		log_warn("refused a connection from cid %u", cid);
	f->refused = true;
	return false;
}
