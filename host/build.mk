# pith: the command of the host. A folder of it adds its sources and libraries by += below.
host.sees := host/command host/cache host/ref host/stream
host-programs += pith
pith.layers := base sys proto
pith.srcs += host/main.c
pith.iquote += host host/vsock

include $(sort $(wildcard host/*/build.mk host/*/*/build.mk))
