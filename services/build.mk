# One program for everything that /usr/bin/service is called as. Each folder is a room.
rooms.services := services/command services/supervisor services/log services/engine services/engine/containerd services/engine/direct
guest-programs += service
service.srcs := $(foreach d,$(rooms.services),$(wildcard $(d)/*.c)) $(onboot.srcs)
service.layers := base sys proto
service.deps := nghttp2 protobuf-c

containerd-bytes := $(addprefix services/engine/containerd/,calls.c rpc.c)
fuzz_containerd.srcs := $(containerd-bytes)
fuzz_containerd.deps := nghttp2 protobuf-c
test_containerd.srcs := $(containerd-bytes)
test_containerd.deps := nghttp2 protobuf-c
services-bytes := services/log/memory_line.c $(addprefix services/supervisor/,request.c saved.c) \
	$(addprefix services/engine/containerd/,notify.c rival.c shim_wait.c)
fuzz_services.srcs := $(services-bytes)
fuzz_services.deps := protobuf-c
test_services.srcs := $(services-bytes)
test_services.deps := protobuf-c
test_policy.srcs := services/engine/containerd/settings.c
fuzz_policy.srcs := services/engine/containerd/settings.c
test_containers.srcs := onboot/rtnetlink.c
