host/run.sees := host/command host/stream host/vsock
pith.srcs += $(wildcard host/run/*.c)
pith.deps += jansson crypto

test_run.srcs := $(addprefix host/run/,options.c disk.c publish.c qmp.c console.c boot.c iso9660.c)
test_run.deps := jansson
fuzz_run.srcs := $(addprefix host/run/,options.c disk.c publish.c)
fuzz_qmp.srcs := host/run/qmp.c
fuzz_qmp.deps := jansson
fuzz_console.srcs := host/run/console.c
test_ending.srcs := host/run/ending.c
fuzz_ending.srcs := host/run/ending.c
