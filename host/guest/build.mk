host/guest.sees := host/command
pith.srcs += $(wildcard host/guest/*.c)
