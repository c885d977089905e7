# The shim: rooms from the bottom up. A room includes from itself and from those that it sees.
containerd-shim/ttrpc.sees :=
containerd-shim/io.sees :=
containerd-shim/cgroup.sees :=
containerd-shim/bundle.sees := containerd-shim/cgroup
shim.parts := $(addprefix containerd-shim/,ttrpc io cgroup bundle)
containerd-shim/model.sees := $(shim.parts)
containerd-shim/task.sees := containerd-shim/model $(shim.parts)
containerd-shim/commands.sees := containerd-shim/task containerd-shim/model $(shim.parts)

guest-programs += containerd-shim-pith-v2
containerd-shim-pith-v2.srcs := $(wildcard containerd-shim/*/*.c)
containerd-shim-pith-v2.layers := base cli sys bundle proto
containerd-shim-pith-v2.deps := protobuf-c

# for tests and measurements
host-programs += shim-client
shim-client.srcs := $(wildcard tests/tools/shim_client/*.c) $(addprefix containerd-shim/ttrpc/,call.c connection.c server.c)
shim-client.layers := base sys proto
shim-client.deps := protobuf-c

shim-parts := $(filter-out %/main.c,$(containerd-shim-pith-v2.srcs))
test_shim.srcs := $(shim-parts)
test_shim.deps := protobuf-c
test_shim_options.srcs := containerd-shim/bundle/options.c
test_shim_options.deps := protobuf-c
test_streams.srcs := $(addprefix containerd-shim/io/,logger.c remote.c streams.c streams_open.c uri.c)
fuzz_shim_options.srcs := containerd-shim/bundle/options.c
fuzz_shim_options.deps := protobuf-c
fuzz_shim.srcs := $(shim-parts)
fuzz_shim.deps := protobuf-c
