# the state directory of a machine: who runs from it, and its files
host/state.sees := host/stream
pith.srcs += $(wildcard host/state/*.c)
