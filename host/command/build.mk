# what every command of pith shares: their list, and where pith keeps its things
host/command.sees :=
pith.srcs += host/command/paths.c host/command/globals.c
test_globals.srcs := host/command/globals.c
fuzz_globals.srcs := host/command/globals.c
