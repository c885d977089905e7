# Metadata and userdata of the machine: from services on the network, from its host, from disks.
guest-programs += metadata
pkg/metadata.sees := pkg/metadata/media
pkg/metadata/media.sees :=
metadata.srcs := $(wildcard pkg/metadata/*.c pkg/metadata/media/*.c)
metadata.layers := base cli sys proto
metadata.deps := yaml z
metadata.parts := $(filter-out %/main.c %/confine.c,$(metadata.srcs))
test_metadata.srcs := $(metadata.parts)
test_metadata.deps := yaml z
fuzz_metadata_json.srcs := $(metadata.parts)
fuzz_metadata_json.deps := yaml z
fuzz_cloud_config.srcs := $(metadata.parts)
fuzz_cloud_config.deps := yaml z
fuzz_guestinfo.srcs := $(metadata.parts)
fuzz_guestinfo.deps := yaml z
fuzz_volume.srcs := $(wildcard pkg/metadata/media/*.c)
