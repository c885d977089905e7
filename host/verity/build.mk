# the hash tree behind a root whose every block is checked when it is read (dm-verity)
host/verity.sees := host/progress
verity.srcs := $(wildcard host/verity/*.c)
pith.srcs += $(verity.srcs)
pith.deps += crypto
test_verity.srcs := $(verity.srcs) $(progress.srcs)
test_verity.deps := crypto
fuzz_verity.srcs :=
