guest-programs += vpnkit-expose-port
pkg/vpnkit-expose-port.sees :=
vpnkit-expose-port.srcs := $(wildcard pkg/vpnkit-expose-port/*.c)
vpnkit-expose-port.layers := base sys proto
vpnkit-expose-port.deps := cap
