guest-programs += vsudd
vsudd.srcs := $(wildcard pkg/vsudd/*.c)
vsudd.layers := base sys
vsudd.deps := cap
test_vsudd.srcs := $(filter-out %/main.c,$(vsudd.srcs))
fuzz_vsudd.srcs := $(test_vsudd.srcs)
test_vsudd.deps := cap
fuzz_vsudd.deps := cap
