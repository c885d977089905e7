# what every command of pith shares: options as tables, help, manual pages and completion from them, and where pith keeps
# its things
host/command.sees :=
command.srcs := $(wildcard host/command/*.c)
pith.srcs += $(command.srcs)
test_option.srcs := $(command.srcs)
fuzz_option.srcs := $(command.srcs)
