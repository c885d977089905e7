guest-programs += sysctl
pkg/sysctl.sees :=
sysctl.srcs := pkg/sysctl/main.c
sysctl.layers := base cli sys
