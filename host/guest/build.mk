host/guest.sees := host/command host/state
pith.srcs += $(wildcard host/guest/*.c)
