guest-programs += vsudd
vsudd.srcs := $(wildcard pkg/vsudd/*.c)
vsudd.layers := base sys
test_vsudd.srcs := $(filter-out %/main.c,$(vsudd.srcs))
fuzz_vsudd.srcs := $(test_vsudd.srcs)
