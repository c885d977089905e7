guest-programs += containerd-shim-pith-v2
containerd-shim-pith-v2.srcs := $(wildcard containerd-shim/*.c)
containerd-shim-pith-v2.layers := base sys proto
containerd-shim-pith-v2.deps := protobuf-c

# for tests and measurements
host-programs += shim-client
shim-client.srcs := $(wildcard containerd-shim/client/*.c) containerd-shim/server.c
shim-client.layers := base sys proto
shim-client.deps := protobuf-c

shim-parts := $(filter-out containerd-shim/main.c,$(wildcard containerd-shim/*.c))
test_shim.srcs := $(shim-parts)
test_shim.deps := protobuf-c
test_shim_options.srcs := containerd-shim/options.c
test_shim_options.deps := protobuf-c
test_streams.srcs := $(addprefix containerd-shim/,logger.c remote.c streams.c uri.c)
fuzz_shim_options.srcs := containerd-shim/options.c
fuzz_shim_options.deps := protobuf-c
fuzz_shim.srcs := $(shim-parts)
fuzz_shim.deps := protobuf-c
