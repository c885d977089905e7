guest-programs += rngd
pkg/rngd.sees :=
rngd.srcs := $(wildcard pkg/rngd/*.c)
rngd.layers := base sys cli
