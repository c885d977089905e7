guest-programs += kmsg
pkg/kmsg.sees :=
kmsg.srcs := pkg/kmsg/main.c pkg/kmsg/record.c
kmsg.layers := base cli sys proto
kmsg.deps := cap
test_kmsg.srcs := pkg/kmsg/record.c
fuzz_kmsg.srcs := pkg/kmsg/record.c
