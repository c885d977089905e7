#include "device.h"

#include <string.h>
#include <unistd.h>

#include "transmit.h"

static void queue_set(struct vsock_device *dev, enum vsock_queue which, struct virtqueue *queue)
{
	dev->queues[which] = queue;
	if (which == VSOCK_RX)
		dev->conns.ring.queue = queue;
}

static void queue_broken(struct vsock_device *dev, enum vsock_queue which)
{
	const char *why = dev->queues[which]->broken;

	queue_set(dev, which, NULL);
	dev->broken(dev->ring_data, which, why);
	device_reset(dev);
}

/* --- the receive ring --------------------------------------------------------------------------------------------- */

static void receive_show(struct vsock_device *dev)
{
	if (virtqueue_flush(dev->queues[VSOCK_RX]))
		dev->notify(dev->ring_data, VSOCK_RX);
}

/* Until the ring is full, no connection waits, or each had a turn. True: a connection has more to say. The guest is
 * shown what there is after each turn: it works on that while the next one goes on, and as long as it does, it asks for
 * no further notification. */
static bool receive_fill(struct vsock_device *dev)
{
	size_t turns = dev->conns.table.count + 1;

	if (!resets_send(&dev->resets, &dev->conns.ring, dev->conns.cid))
		return true;
	while (conns_waiting(&dev->conns)) {
		bool done;

		if (turns-- == 0)
			return true;
		done = conns_turn(&dev->conns);
		receive_show(dev);
		if (!done)
			return true;
	}
	return false;
}

/* True: more to do at once. */
static bool receive_run(struct vsock_device *dev)
{
	struct virtqueue *q = dev->queues[VSOCK_RX];
	bool more;

	if (!q)
		return false;
	virtqueue_kicks(q, false);
	conns_round(&dev->conns);
	more = receive_fill(dev);
	receive_show(dev);
	if (q->broken) {
		queue_broken(dev, VSOCK_RX);
		return false;
	}
	/* A kick is wanted when the guest adds buffers to a ring that was too small. */
	return more && (virtqueue_pending(q) || virtqueue_kicks(q, true));
}

/* --- the event ring ----------------------------------------------------------------------------------------------- */

/* The guest learns that connections it may know are gone. QEMU keeps the event queue to itself; packets of connections
 * that nobody knows are then answered with RST one by one. */
static void events_run(struct vsock_device *dev)
{
	static const uint8_t reset[VSOCK_EVENT_SIZE] = { VSOCK_EVENT_TRANSPORT_RESET };
	struct virtqueue *q = dev->queues[VSOCK_EVENT];
	struct virtqueue_chain chain;
	size_t done = 0, j;
	int r;

	if (!q || !dev->lost)
		return;
	r = virtqueue_pop(q, &chain, dev->chain_iov, VIRTQUEUE_IOV_MAX);
	if (r == 0 && virtqueue_kicks(q, true))
		r = virtqueue_pop(q, &chain, dev->chain_iov, VIRTQUEUE_IOV_MAX);
	if (r == 0)
		return;
	if (r > 0 && chain.in_bytes < sizeof(reset)) {
		q->broken = "event buffer too small";
		r = -1;
	}
	if (r < 0) {
		queue_broken(dev, VSOCK_EVENT);
		return;
	}
	for (j = 0; done < sizeof(reset); j++) {
		struct iovec *v = &chain.iov[chain.out_count + j];
		size_t part = v->iov_len < sizeof(reset) - done ? v->iov_len : sizeof(reset) - done;

		memcpy(v->iov_base, reset + done, part);
		done += part;
	}
	virtqueue_push(q, &chain, sizeof(reset));
	dev->lost = false;
	if (virtqueue_flush(q))
		dev->notify(dev->ring_data, VSOCK_EVENT);
}

/* --- the device --------------------------------------------------------------------------------------------------- */

static void device_work(struct loop_timer *t)
{
	struct vsock_device *dev = t->data;
	bool more;
	int r;

	dev->working = true;
	events_run(dev);
	r = transmit_run(dev);
	if (r < 0)
		queue_broken(dev, VSOCK_TX);
	more = receive_run(dev) || r > 0;
	/* Packets may have waited for places that are free now. */
	more |= transmit_pending(dev);
	dev->working = false;
	if (more)
		loop_timer_arm(dev->conns.loop, &dev->work, loop_now(), NULL);
}

void device_wake(struct vsock_device *dev)
{
	/* Due at once: timers run at the end of the round. */
	if (!dev->working && !loop_timer_armed(&dev->work))
		loop_timer_arm(dev->conns.loop, &dev->work, 0, NULL);
}

static void device_woken(void *data)
{
	device_wake(data);
}

int device_init(struct vsock_device *dev, struct error *err)
{
	dev->work = (struct loop_timer){ .fn = device_work, .data = dev };
	transmit_init(dev, device_woken);
	dev->conns.wake = device_woken;
	dev->conns.wake_data = dev;
	if (conns_init(&dev->conns, err) < 0)
		return -1;
	return loop_timer_arm(dev->conns.loop, &dev->work, 0, err);
}

void device_free(struct vsock_device *dev)
{
	conns_free(&dev->conns);
	transmit_free(dev);
	loop_timer_disarm(&dev->work);
}

void device_ring(struct vsock_device *dev, enum vsock_queue which, struct virtqueue *queue)
{
	queue_set(dev, which, queue);
	if (queue) {
		dev->driver_seen = true;
		device_wake(dev);
	}
}

void device_reset(struct vsock_device *dev)
{
	conns_reset(&dev->conns);
	dev->resets.count = 0;
	dev->driver_seen = dev->queues[VSOCK_RX] && dev->queues[VSOCK_TX];
}

void device_lost(struct vsock_device *dev)
{
	dev->lost = true;
	device_wake(dev);
}

bool device_connect(struct vsock_device *dev, const struct conns_client *client)
{
	if (dev->driver_seen)
		return conns_connect(&dev->conns, client);
	dev->conns.stats.refused++;
	close(client->fd);
	return false;
}
