#include "carry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"
#include "vpnkit_link.h"

/* From the connection until the way has something that carries it; then a relay carries the bytes, or the channel's
 * pump. */
struct carry {
	struct forwards *ports;
	struct way_wish wish;
	struct vpnkit_destination to;
	int fd;
};

/* Nobody is there: a client is to see that, and not an answer without content. */
static void client_refuse(int fd)
{
	struct linger hard = { .l_onoff = 1 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)); /* fails for other sockets than TCP's */
	close(fd);
}

static void carry_ready(struct way_wish *w, int fd, struct vpnkit_channel *channel, int code)
{
	_cleanup_error_ struct error e = { 0 };
	struct carry *s = w->data;
	struct forwards *p = s->ports;
	int client = s->fd, r = 0;

	p->streams--;
	free(s);
	if (code != 0) {
		p->failed++;
		log_debug("forward: the other end: %s", strerror(code));
		client_refuse(client);
	} else if (fd >= 0) {
		r = relay_start(&p->relays, client, fd, &e);
	} else {
		r = vpnkit_pump_start(p->loop, channel, client, &p->channels, &e);
	}
	if (r < 0)
		log_warn("forward: %s", error_text(&e));
}

void carry_start(struct forwards *ports, int fd, const struct vpnkit_destination *to)
{
	struct carry *s = calloc(1, sizeof(*s));

	if (!s) {
		client_refuse(fd);
		return;
	}
	ports->accepted++;
	ports->streams++;
	s->ports = ports;
	s->to = *to;
	s->fd = fd;
	s->wish = (struct way_wish){ .to = &s->to, .ready = carry_ready, .data = s };
	way_ask(ports->way, &s->wish);
}
