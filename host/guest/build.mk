host/guest.sees := host/command host/state
pith.srcs += $(wildcard host/guest/*.c)
test_fifos.srcs := host/guest/fifos.c host/guest/secret.c
