host/vsock.sees := host/command host/guest host/vsock/virtio
pith.srcs += $(wildcard host/vsock/*.c)

# the device without the command, and the test's own other side of it
vsock-device = $(filter-out %/command.c %/start.c %/device_confine.c,$(wildcard host/vsock/*.c)) $(wildcard host/vsock/virtio/*.c)
test_vsock_device.srcs := tests/unit/vsock_driver.c $(vsock-device)
test_vsock_session.srcs := $(test_vsock_device.srcs)
test_vsock_traffic.srcs := $(test_vsock_device.srcs)
test_vsock_clients.srcs := $(test_vsock_device.srcs)

# what tests and benchmarks run at both ends of a connection
guest-programs += peer
peer.srcs := $(wildcard tests/peer/*.c)
peer.layers := base sys
host-programs += host-peer
host-peer.srcs := $(peer.srcs)
host-peer.layers := base sys
fuzz_vsock_device.srcs := $(filter-out %/backend.c %/rings.c %/memory.c %/sockets.c,$(vsock-device))
fuzz_vhost_session.srcs := $(filter-out %/sockets.c,$(vsock-device))
fuzz_vsock_lines.srcs := $(vsock-device)
