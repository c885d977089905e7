guest-programs += trim-after-delete
pkg/trim-after-delete.sees :=
trim-after-delete.srcs := $(wildcard pkg/trim-after-delete/*.c)
trim-after-delete.layers := base cli sys proto
trim-after-delete.deps := cap
test_trim.srcs := pkg/trim-after-delete/event.c
fuzz_trim.srcs := pkg/trim-after-delete/event.c
