/* The transmit ring: the guest's packets to its connections, for device.c. */
#pragma once

#include "device.h"

/* ready: the loop has seen packets in the guest's memory. */
void transmit_init(struct vsock_device *dev, void (*ready)(void *data));
void transmit_free(struct vsock_device *dev);
/* A batch of packets. 1: the guest has more, 0: it has no more now, -1: the ring is broken. */
int transmit_run(struct vsock_device *dev);
/* Whether the guest has packets that nothing has told of yet. */
bool transmit_pending(const struct vsock_device *dev);
