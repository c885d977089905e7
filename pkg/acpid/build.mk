guest-programs += acpid
pkg/acpid.sees :=
acpid.srcs := $(wildcard pkg/acpid/*.c)
acpid.layers := base cli sys
acpid.deps := cap
test_acpid.srcs := pkg/acpid/table.c
fuzz_acpid.srcs := pkg/acpid/table.c
