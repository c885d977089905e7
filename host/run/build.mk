host/run.sees := host/command host/forward host/guest host/state host/stream host/vsock
pith.srcs += $(wildcard host/run/*.c)
pith.deps += jansson crypto

test_run.srcs := $(command.srcs) $(addprefix host/run/,options.c backend.c disk.c disk_header.c disk_notes.c qemu_img.c publish.c qmp.c console.c boot.c boot_file.c iso9660.c kernel_arch.c kernel_file.c) \
	$(wildcard host/state/*.c) host/stream/outfile.c host/stream/guard.c host/forward/start.c host/forward/allow.c
test_run.deps := jansson
fuzz_run.srcs := $(command.srcs) $(addprefix host/run/,options.c backend.c disk.c disk_header.c disk_notes.c qemu_img.c publish.c) $(wildcard host/state/*.c) \
	host/stream/outfile.c host/stream/guard.c host/forward/start.c host/forward/allow.c
fuzz_qmp.srcs := host/run/qmp.c
fuzz_qmp.deps := jansson
fuzz_console.srcs := host/run/console.c
test_ending.srcs := host/run/ending.c
test_memory.srcs = $(addprefix host/run/,memory.c boot.c boot_file.c kernel_arch.c kernel_file.c) $(stream.srcs)
test_memory.deps := z zstd crypto
fuzz_memory.srcs = $(addprefix host/run/,memory.c boot.c boot_file.c kernel_arch.c kernel_file.c) $(stream.srcs)
fuzz_memory.deps := z zstd crypto
fuzz_ending.srcs := host/run/ending.c

state.srcs := $(wildcard host/state/*.c) host/run/disk_header.c host/run/disk_notes.c host/stream/outfile.c host/stream/guard.c
test_state.srcs := $(state.srcs)
fuzz_disk.srcs := $(state.srcs)
fuzz_boot.srcs := host/run/kernel_file.c
test_boot_efi.srcs := $(addprefix host/run/,boot_efi.c boot_file.c kernel_arch.c)
fuzz_boot_efi.srcs := $(test_boot_efi.srcs)
