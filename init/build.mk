# PID 1. Links nothing of lib/ but headers: it never allocates and never formats with stdio.
init.sees :=
guest-programs += init
init.srcs := init/main.c init/root.c init/slot.c init/say.c init/supervise.c init/failure.c init/control.c init/shutdown.c init/resume.c
init.layers := base sys
test_init_control.srcs := init/control.c
fuzz_init_control.srcs := init/control.c
