# the file tree and its writers
host/tree.sees := host/progress host/stream host/tree/archive host/verity
tree.srcs := $(wildcard host/tree/*.c)
pith.srcs += $(tree.srcs)
