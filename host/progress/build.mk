# how far a long step is; part of stream.srcs, whose bytes it counts
host/progress.sees :=
progress.srcs := host/progress/progress.c
test_progress.srcs := $(progress.srcs)
