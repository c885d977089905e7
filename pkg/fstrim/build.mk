guest-programs += fstrim
pkg/fstrim.sees :=
fstrim.srcs := $(wildcard pkg/fstrim/*.c)
fstrim.layers := base cli sys
