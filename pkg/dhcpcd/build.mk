guest-programs += dhcpcd-hook
pkg/dhcpcd.sees :=
dhcpcd-hook.srcs := pkg/dhcpcd/hook.c pkg/dhcpcd/resolv.c
dhcpcd-hook.layers := base
test_resolv.srcs := pkg/dhcpcd/resolv.c
fuzz_resolv.srcs := pkg/dhcpcd/resolv.c
