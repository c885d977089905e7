guest-programs += binfmt
pkg/binfmt.sees :=
binfmt.srcs := $(wildcard pkg/binfmt/*.c)
binfmt.layers := base cli
test_binfmt.srcs := pkg/binfmt/rule.c
fuzz_binfmt.srcs := pkg/binfmt/rule.c
