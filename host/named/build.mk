# machines by name: `pith machine`
host/named.sees := host/command host/stream host/state
pith.srcs += $(wildcard host/named/*.c)

test_named.srcs := host/named/settings.c
test_named.iquote := host/named
fuzz_named_settings.srcs := host/named/settings.c
fuzz_named_settings.iquote := host/named
