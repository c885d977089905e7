guest-programs += vpnkit-expose-port
pkg/vpnkit-expose-port.sees :=
vpnkit-expose-port.srcs := $(wildcard pkg/vpnkit-expose-port/*.c)
vpnkit-expose-port.layers := base sys proto
vpnkit-expose-port.deps := cap

portfs.srcs := $(addprefix pkg/vpnkit-expose-port/,ninep.c portfs.c portfs_fid.c portfs_node.c portfs_port.c \
	portfs_reply.c)
test_portfs.srcs := $(portfs.srcs)
fuzz_9p.srcs := $(portfs.srcs)
