# disks that a machine's firmware boots, made without mounting anything
host/media.sees := host/stream
media.srcs := $(wildcard host/media/*.c)
pith.srcs += $(media.srcs)
# recursive: what it needs is said in a later fragment
test_uki.srcs = host/media/uki.c host/media/pe_sign.c
fuzz_uki.srcs = host/media/uki.c host/media/pe_sign.c
test_media.srcs = $(media.srcs) $(stream.srcs)
test_media.deps := crypto z zstd
