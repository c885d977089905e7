host/guest.sees := host/command host/progress host/state
pith.srcs += $(wildcard host/guest/*.c)
