guest-programs += vpnkit-forwarder
pkg/vpnkit-forwarder.sees :=
vpnkit-forwarder.srcs := $(wildcard pkg/vpnkit-forwarder/*.c)
vpnkit-forwarder.layers := base sys proto forward
vpnkit-forwarder.deps := cap
