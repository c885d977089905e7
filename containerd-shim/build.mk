guest-programs += containerd-shim-pith-v2
containerd-shim-pith-v2.srcs := $(wildcard containerd-shim/*.c)
containerd-shim-pith-v2.layers := base sys proto
containerd-shim-pith-v2.deps := protobuf-c
