/* A guest's memory with a ring in it: the first bytes choose the ring, the rest is the memory. What is handed out is
 * touched, so that a sanitizer sees a byte outside. */
#include <stdlib.h>
#include <string.h>

#include "virtqueue.h"

enum { MEMORY = 16384, RECORD = 8192 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct iovec iov[VIRTQUEUE_IOV_MAX];
	volatile uint8_t sum = 0;
	struct guest_memory memory = { 0 };
	struct virtqueue vq = { 0 };
	struct virtqueue_chain chain;
	struct virtqueue_layout l;
	uint8_t *low, *high, *record = NULL;
	int i;

	if (size < 16)
		return 0;
	/* on the heap, two blocks, so that each end is watched */
	low = aligned_alloc(4096, MEMORY);
	high = aligned_alloc(4096, MEMORY);
	memset(low, 0, MEMORY);
	memset(high, 0, MEMORY);
	guest_memory_add(&memory, &(struct guest_region){ 0, 0x100000, MEMORY, low, NULL, 0 }, NULL);
	guest_memory_add(&memory, &(struct guest_region){ MEMORY, 0x200000, MEMORY, high, NULL, 0 }, NULL);
	memcpy(low, data + 16, size - 16 < MEMORY ? size - 16 : MEMORY);
	if (size > 16 + MEMORY)
		memcpy(high, data + 16 + MEMORY, size - 16 - MEMORY < MEMORY ? size - 16 - MEMORY : MEMORY);
	l = (struct virtqueue_layout){
		.size = (uint16_t)(data[0] & 0x80 ? data[0] & 0x7f : 1 << (data[0] & 7)),
		.desc = 0x100000 + (uint64_t)(data[1] & 15) * 64,
		.driver = 0x100000 + 2048 + (uint64_t)data[2] * 4,
		.device = 0x100000 + 4096 + (uint64_t)data[3] * 4,
		.features = (data[4] & 1 ? VIRTIO_F_RING_PACKED : 0) | (data[4] & 2 ? VIRTIO_F_RING_EVENT_IDX : 0) |
			(data[4] & 4 ? VIRTIO_F_RING_INDIRECT : 0),
		.base = (uint32_t)data[5] | (uint32_t)data[6] << 8 | (uint32_t)data[7] << 16 | (uint32_t)data[8] << 24,
	};
	if (virtqueue_start(&vq, &memory, &l, NULL) == 0) {
		if (data[4] & 8) {
			record = aligned_alloc(64, RECORD);
			memset(record, 0, RECORD);
			memcpy(record, high, data[9] * 16);
			if (virtqueue_inflight_size(vq.packed, vq.size) > RECORD ||
			    virtqueue_inflight_attach(&vq, record, NULL) < 0)
				vq.broken = "record";
		}
		for (i = 0; i < 64 && virtqueue_pop(&vq, &chain, iov, VIRTQUEUE_IOV_MAX) == 1; i++) {
			uint32_t j;

			for (j = 0; j < chain.out_count; j++)
				if (iov[j].iov_len > 0)
					sum = (uint8_t)(sum + ((uint8_t *)iov[j].iov_base)[0] +
							((uint8_t *)iov[j].iov_base)[iov[j].iov_len - 1]);
			for (; j < chain.out_count + chain.in_count; j++) {
				if (iov[j].iov_len == 0)
					continue;
				((uint8_t *)iov[j].iov_base)[0] = 0x5a;
				((uint8_t *)iov[j].iov_base)[iov[j].iov_len - 1] = 0xa5;
			}
			if (data[10] >> (i & 7) & 1)
				virtqueue_push(&vq, &chain, (uint32_t)chain.in_bytes);
			else if (i & 1)
				virtqueue_unpop(&vq, &chain);
			virtqueue_flush(&vq);
			virtqueue_kicks(&vq, i & 2);
		}
	}
	virtqueue_stop(&vq);
	free(record);
	free(low);
	free(high);
	return 0;
}
