/* The back-end's end of a vhost-user connection: features, memory, rings. It tells the device which rings run.
 *
 * One front-end at a time. When it goes, all connections end and its memory is unmapped; on a listening socket the next
 * one may come. A ring that is stopped and started again where it was (a paused machine) keeps the connections; one
 * that starts anywhere else (a guest that booted again) ends them. */
#pragma once

#include "device.h"
#include "loop.h"
#include "vhost_user.h"

struct backend;

/* Either listens on the descriptor (connected false), for front-end after front-end, or serves the one at its other end
 * and then quits the loop. Takes the descriptor over on success. Sets the ring callbacks of the device, which must
 * outlive the backend. */
struct backend *backend_new(struct loop *loop, struct vsock_device *dev, int fd, bool connected, struct error *err);
void backend_free(struct backend *b);
