# the vsock device of a machine: the command and its start. host/vsock/sockets.c and fifos/ are what the host's programs
# see of it, backend/ what QEMU sees, device/ joins the two.
host/vsock.sees := host/command host/vsock/backend host/vsock/clock host/vsock/device host/vsock/fifos host/vsock/virtio
host/vsock/backend.sees := host/vsock/device host/vsock/virtio
host/vsock/device.sees := host/vsock/virtio
host/vsock/clock.sees :=
host/vsock/fifos.sees :=
vsock-device.srcs := $(wildcard host/vsock/device/*.c host/vsock/virtio/*.c)
vsock-backend.srcs := $(wildcard host/vsock/backend/*.c) $(vsock-device.srcs)
pith.srcs += $(wildcard host/vsock/*.c host/vsock/backend/*.c host/vsock/clock/*.c host/vsock/device/*.c host/vsock/fifos/*.c)

# the device without the command, and the test's own other side of it
test_vsock_device.srcs := tests/unit/vsock_driver.c host/vsock/sockets.c host/vsock/lines.c $(vsock-backend.srcs)
test_vsock_session.srcs := $(test_vsock_device.srcs)
test_vsock_traffic.srcs := $(test_vsock_device.srcs)
test_vsock_clients.srcs := $(test_vsock_device.srcs)
test_clock.srcs := host/vsock/clock/clock.c
test_fifos.srcs := $(wildcard host/vsock/fifos/*.c)
fuzz_vsock_device.srcs := $(vsock-device.srcs)
fuzz_vhost_session.srcs := $(vsock-backend.srcs)
fuzz_vsock_lines.srcs := host/vsock/lines.c
fuzz_vsock_lines.iquote := host/vsock/virtio

# what tests and benchmarks run at both ends of a connection
guest-programs += peer
peer.srcs := $(wildcard tests/peer/*.c)
peer.layers := base sys
host-programs += host-peer
host-peer.srcs := $(peer.srcs)
host-peer.layers := base sys
