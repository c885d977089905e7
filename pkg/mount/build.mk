guest-programs += mountie
pkg/mount.sees :=
mountie.srcs := $(wildcard pkg/mount/*.c)
mountie.layers := base cli sys disk
