guest-programs += extend
pkg/extend.sees :=
extend.srcs := $(wildcard pkg/extend/*.c)
extend.layers := base cli sys disk
