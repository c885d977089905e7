guest-programs += logwrite
pkg/logwrite.sees :=
logwrite.srcs := $(wildcard pkg/logwrite/*.c)
logwrite.layers := base cli sys proto
logwrite.deps := cap
test_logwrite.srcs := pkg/logwrite/logs.c
fuzz_logwrite.srcs := pkg/logwrite/logs.c
