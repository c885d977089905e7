# image references
host/ref.sees :=
pith.srcs += host/ref/ref.c

test_ref.srcs := host/ref/ref.c
fuzz_ref.srcs := host/ref/ref.c
