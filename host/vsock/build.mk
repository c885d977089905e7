pith.srcs += $(wildcard host/vsock/*.c)

# the device without the command, and the test's own other side of it
vsock-device := $(filter-out %/command.c %/start.c,$(wildcard host/vsock/*.c))
test_vsock_device.srcs := tests/unit/vsock_driver.c $(vsock-device)
