# One program for everything that /usr/bin/service is called as. Each folder is a room.
services.rooms := services/command services/supervisor services/log services/engine services/engine/containerd services/engine/shim
services/command.sees := services/supervisor services/log onboot
services/supervisor.sees := services/engine services/engine/containerd services/log onboot
services/engine/containerd.sees := services/engine services/engine/shim services/log onboot
services/engine/shim.sees :=
services/engine.sees :=
services/log.sees :=
guest-programs += service
service.srcs := $(foreach d,$(services.rooms),$(wildcard $(d)/*.c)) $(onboot.srcs)
service.layers := base cli sys bundle proto
service.deps := nghttp2 protobuf-c

containerd-bytes := $(addprefix services/engine/containerd/,calls.c rpc.c)
fuzz_containerd.srcs := $(containerd-bytes)
fuzz_containerd.deps := nghttp2 protobuf-c
test_containerd.srcs := $(containerd-bytes)
test_containerd.deps := nghttp2 protobuf-c
services-bytes := $(addprefix services/log/,capture.c follow.c logfile.c order.c) services/command/logtext.c $(addprefix services/supervisor/,request.c saved.c) services/engine/recorded.c \
	$(addprefix services/engine/containerd/,notify.c rival.c) $(addprefix services/engine/shim/,shim_call.c shim_wait.c)
fuzz_services.srcs := $(services-bytes)
fuzz_services.deps := protobuf-c
test_services.srcs := $(services-bytes)
test_follow.srcs := $(services-bytes)
test_follow.deps := protobuf-c
test_services.deps := protobuf-c
test_policy.srcs := services/engine/containerd/settings.c
fuzz_policy.srcs := services/engine/containerd/settings.c
test_containers.srcs := onboot/rtnetlink.c
test_gate.srcs := services/engine/containerd/gate.c
test_tasks.srcs := $(foreach d,services/engine services/engine/containerd services/engine/shim services/log,$(wildcard $(d)/*.c)) services/supervisor/ready.c $(onboot.srcs)
test_tasks.deps := nghttp2 protobuf-c
