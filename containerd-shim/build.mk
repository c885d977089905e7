guest-programs += containerd-shim-pith-v2
containerd-shim-pith-v2.srcs := $(wildcard containerd-shim/*/*.c)
containerd-shim-pith-v2.layers := base sys proto
containerd-shim-pith-v2.deps := protobuf-c

# for tests and measurements
host-programs += shim-client
shim-client.srcs := $(wildcard tests/tools/shim_client/*.c) containerd-shim/ttrpc/server.c
shim-client.layers := base sys proto
shim-client.deps := protobuf-c

shim-parts := $(filter-out %/main.c,$(containerd-shim-pith-v2.srcs))
test_shim.srcs := $(shim-parts)
test_shim.deps := protobuf-c
test_shim_options.srcs := containerd-shim/bundle/options.c
test_shim_options.deps := protobuf-c
test_streams.srcs := $(addprefix containerd-shim/io/,logger.c remote.c streams.c uri.c)
fuzz_shim_options.srcs := containerd-shim/bundle/options.c
fuzz_shim_options.deps := protobuf-c
fuzz_shim.srcs := $(shim-parts)
fuzz_shim.deps := protobuf-c
