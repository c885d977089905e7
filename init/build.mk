# PID 1. Links nothing of lib/ that allocates or formats with stdio: headers, and the format of a verified root.
init.sees :=
guest-programs += init
init.srcs := $(wildcard init/*.c)
init.layers := base sys proto
test_init_control.srcs := init/control.c
fuzz_init_control.srcs := init/control.c
