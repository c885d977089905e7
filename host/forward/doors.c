#include "doors.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "unixsock.h"
#include "vpnkit_port.h"

enum { CID_HOST = 2, BACKLOG = 64 };

struct place {
	int state; /* the directory */
	const char *dir, *name;
};

static int door_open(struct door *d, struct forwards *forwards, const struct place *at, enum forwards_asker who,
		     struct error *err)
{
	int fd;

	if (unixsock_address(&d->address, at->state, at->dir, at->name) < 0)
		return error_set(err, errno, "%s", at->name);
	fd = unixsock_listen(&d->address, SOCK_STREAM, BACKLOG, err);
	if (fd < 0) {
		d->address.sun_path[0] = '\0';
		return -1;
	}
	return control_open(&d->control, forwards, who, fd, err);
}

static void door_close(struct door *d)
{
	if (!d->address.sun_path[0])
		return;
	control_close(&d->control);
	unlink(d->address.sun_path); /* somebody may have removed it already */
	d->address.sun_path[0] = '\0';
}

int doors_open(struct doors *d, struct forwards *forwards, int state, const char *dir, struct error *err)
{
	char name[24];
	struct place user = { state, dir, CONTROL_SOCKET }, guest = { state, dir, name };

	snprintf(name, sizeof(name), "%08x.%08x", CID_HOST, VPNKIT_CONTROL_PORT);
	return door_open(&d->user, forwards, &user, FORWARDS_USER, err) < 0 ||
			door_open(&d->guest, forwards, &guest, FORWARDS_GUEST, err) < 0
		? -1
		: 0;
}

void doors_close(struct doors *d)
{
	door_close(&d->user);
	door_close(&d->guest);
}
