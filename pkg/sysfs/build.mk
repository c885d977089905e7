guest-programs += sysfs
pkg/sysfs.sees :=
sysfs.srcs := pkg/sysfs/main.c
sysfs.layers := base cli sys
