pith.srcs += $(wildcard host/vsock/*.c)
