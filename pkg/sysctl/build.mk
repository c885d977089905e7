guest-programs += sysctl
sysctl.srcs := pkg/sysctl/main.c pkg/sysctl/sysctl.c
sysctl.layers := base
