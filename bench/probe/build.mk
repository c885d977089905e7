guest-programs += probe
probe.srcs := bench/probe/probe.c
probe.layers := base
