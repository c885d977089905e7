guest-programs += sysctl
pkg/sysctl.sees :=
sysctl.srcs := pkg/sysctl/main.c pkg/sysctl/sysctl.c
sysctl.layers := base
test_sysctl.srcs := pkg/sysctl/sysctl.c
fuzz_sysctl.srcs := pkg/sysctl/sysctl.c
