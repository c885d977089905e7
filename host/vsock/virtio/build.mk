# virtio: rings in guest memory, the vhost-user protocol, the packets of the socket device
host/vsock/virtio.sees :=
virtio.srcs := $(wildcard host/vsock/virtio/*.c)
pith.srcs += $(virtio.srcs)

test_virtqueue.srcs := $(virtio.srcs)
fuzz_virtqueue.srcs := $(virtio.srcs)
fuzz_vhost_user.srcs := $(virtio.srcs)
