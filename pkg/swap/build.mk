guest-programs += swap
pkg/swap.sees :=
swap.srcs := $(wildcard pkg/swap/*.c)
swap.layers := base cli sys disk
