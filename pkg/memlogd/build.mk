# memlogd, and by links startmemlogd, logread and logwrite
guest-programs += memlogd
pkg/memlogd.sees :=
memlogd.srcs := $(wildcard pkg/memlogd/*.c)
memlogd.layers := base cli sys proto
memlogd.deps := cap
memlogd-memory := pkg/memlogd/ring.c pkg/memlogd/slot.c pkg/memlogd/store.c
test_memlogd.srcs := $(memlogd-memory)
fuzz_memlogd.srcs := $(memlogd-memory)
