guest-programs += loopy
pkg/losetup.sees :=
loopy.srcs := $(wildcard pkg/losetup/*.c)
loopy.layers := base cli sys
