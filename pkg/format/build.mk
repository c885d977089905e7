guest-programs += format
pkg/format.sees :=
format.srcs := $(wildcard pkg/format/*.c)
format.layers := base cli sys disk
