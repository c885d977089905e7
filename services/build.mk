# One program for everything that /usr/bin/service is called as.
guest-programs += service
service.srcs := services/main.c services/capture.c services/client.c services/containerd.c services/containerd_calls.c \
	services/containerd_exec.c services/control.c services/daemon.c services/direct.c services/keep.c services/logfile.c \
	services/memory_line.c services/notify.c services/pulse.c services/ready.c services/recorded.c services/request.c services/rival.c \
	services/rpc.c services/saved.c services/service.c services/settings.c services/shim_wait.c services/supervisor.c \
	services/usage.c $(onboot.srcs)
service.layers := base sys proto
service.deps := nghttp2 protobuf-c jansson
fuzz_containerd.srcs := services/containerd_calls.c services/rpc.c
fuzz_containerd.deps := nghttp2 protobuf-c
test_containerd.srcs := services/containerd_calls.c services/rpc.c
test_containerd.deps := nghttp2 protobuf-c
fuzz_services.srcs := services/memory_line.c services/notify.c services/request.c services/rival.c services/saved.c services/shim_wait.c
fuzz_services.deps := jansson protobuf-c
test_services.srcs := services/memory_line.c services/notify.c services/request.c services/rival.c services/saved.c services/shim_wait.c
test_services.deps := jansson protobuf-c
test_policy.srcs := services/settings.c
fuzz_policy.srcs := services/settings.c
test_containers.srcs := onboot/rtnetlink.c
