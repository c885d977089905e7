# ports of the host that lead into a machine, over its vsock device: `pith forward`, `pith ports`
host/forward.sees := host/command host/guest
pith.srcs += $(wildcard host/forward/*.c)

test_forward_allow.srcs := host/forward/allow.c
fuzz_forward_allow.srcs := host/forward/allow.c
test_forward.srcs := $(addprefix host/forward/,allow.c host_policy.c tunnel.c)
