guest-programs += crypto
pkg/dm-crypt.sees :=
crypto.srcs := $(wildcard pkg/dm-crypt/*.c)
crypto.layers := base cli sys disk
