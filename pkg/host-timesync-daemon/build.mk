guest-programs += host-timesync-daemon
pkg/host-timesync-daemon.sees :=
host-timesync-daemon.srcs := pkg/host-timesync-daemon/main.c
host-timesync-daemon.layers := base cli sys
