# what every command of pith shares: their list, and where pith keeps its things
host/command.sees :=
pith.srcs += host/command/paths.c
